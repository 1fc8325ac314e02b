//! What each attribute adds to its function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Expr, ExprLit, FnArg, GenericArgument, ItemFn, Lit, LitStr, Meta, PathArguments, ReturnType,
    Type,
};

use crate::arguments::Arguments;

pub(crate) fn activity(arguments: &Arguments, function: &ItemFn) -> syn::Result<TokenStream> {
    arguments.refuse_http()?;
    refuse_async(function)?;
    let ident = &function.sig.ident;
    let (input, call) = match parameters(function)?.as_slice() {
        [] => (quote!(()), quote!(#ident())),
        [input] => (quote!(#input), quote!(#ident(input))),
        [_, input] => (quote!(#input), quote!(#ident(call, input))),
        _ => {
            return Err(syn::Error::new_spanned(
                &function.sig.inputs,
                "an activity takes at most a `Call` and an input",
            ));
        }
    };
    let output = ok_type(function)?;
    let base = marker(arguments, function, &quote!(describe_activity))?;
    Ok(quote! {
        #base
        impl ::weft_sdk::Activity for #ident {
            type Input = #input;
            type Output = #output;
            #[allow(unused_variables, clippy::unit_arg)]
            fn run(
                call: ::weft_sdk::Call,
                input: Self::Input,
            ) -> ::std::result::Result<Self::Output, ::weft_sdk::Failure> {
                ::std::result::Result::map_err(#call, ::std::convert::Into::into)
            }
        }
    })
}

pub(crate) fn orchestrator(arguments: &Arguments, function: &ItemFn) -> syn::Result<TokenStream> {
    arguments.refuse_http()?;
    if function.sig.asyncness.is_none() {
        return Err(syn::Error::new_spanned(
            function.sig.fn_token,
            "an orchestrator is an `async fn`",
        ));
    }
    let ident = &function.sig.ident;
    let (input, call) = match parameters(function)?.as_slice() {
        [_] => (quote!(()), quote!(#ident(ctx))),
        [_, input] => (quote!(#input), quote!(#ident(ctx, input))),
        _ => {
            return Err(syn::Error::new_spanned(
                &function.sig.inputs,
                "an orchestrator takes a `Context` and an input",
            ));
        }
    };
    let output = ok_type(function)?;
    let base = marker(arguments, function, &quote!(describe_orchestrator))?;
    Ok(quote! {
        #base
        impl ::weft_sdk::Orchestrator for #ident {
            type Input = #input;
            type Output = #output;
            #[allow(unused_variables)]
            async fn run(
                ctx: ::weft_sdk::Context,
                input: Self::Input,
            ) -> ::std::result::Result<Self::Output, ::weft_sdk::Failure> {
                ::std::result::Result::map_err(#call.await, ::std::convert::Into::into)
            }
        }
    })
}

pub(crate) fn http(arguments: &Arguments, function: &ItemFn) -> syn::Result<TokenStream> {
    refuse_async(function)?;
    let ident = &function.sig.ident;
    let name = name(arguments, function)?;
    let route = arguments.route.as_ref().unwrap_or(&name);
    let methods = arguments.methods.iter().flatten();
    for method in methods.clone() {
        if method.value() != method.value().to_ascii_uppercase() {
            return Err(syn::Error::new(
                method.span(),
                "methods are written in upper case",
            ));
        }
    }
    let base = marker(arguments, function, &quote!(describe_http))?;
    Ok(quote! {
        #base
        impl ::weft_sdk::HttpFunction for #ident {
            const ROUTE: &'static str = #route;
            const METHODS: &'static [&'static str] = &[#(#methods),*];
            fn handle(
                request: ::weft_sdk::http::Request,
            ) -> ::std::result::Result<::weft_sdk::http::Response, ::weft_sdk::http::Error> {
                ::std::result::Result::map_err(#ident(request), ::std::convert::Into::into)
            }
        }
    })
}

/// The type that stands for the function.
fn marker(
    arguments: &Arguments,
    function: &ItemFn,
    describe: &TokenStream,
) -> syn::Result<TokenStream> {
    let (visibility, ident) = (&function.vis, &function.sig.ident);
    let name = name(arguments, function)?;
    let description = documentation(function);
    let doc = format!("Stands for the function `{ident}` where a type is needed.");
    Ok(quote! {
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #visibility enum #ident {}
        impl ::weft_sdk::Function for #ident {
            const NAME: &'static str = #name;
            const DESCRIPTION: &'static str = #description;
            fn describe() -> ::weft_sdk::rt::describe::Function {
                ::weft_sdk::rt::#describe::<Self>()
            }
        }
    })
}

fn name(arguments: &Arguments, function: &ItemFn) -> syn::Result<LitStr> {
    let ident = &function.sig.ident;
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| LitStr::new(&ident.to_string().replace('_', "-"), ident.span()));
    let value = name.value();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if value.is_empty() || value.len() > 63 || !value.chars().all(allowed) {
        let message = "a function's name has 1 to 63 characters of a-z, 0-9 and -";
        return Err(syn::Error::new(name.span(), message));
    }
    Ok(name)
}

fn refuse_async(function: &ItemFn) -> syn::Result<()> {
    match function.sig.asyncness {
        Some(asyncness) => Err(syn::Error::new_spanned(
            asyncness,
            "only orchestrators are `async`: everything that others wait for blocks",
        )),
        None => Ok(()),
    }
}

fn parameters(function: &ItemFn) -> syn::Result<Vec<&Type>> {
    let inputs = function.sig.inputs.iter();
    inputs
        .map(|argument| match argument {
            FnArg::Typed(typed) => Ok(&*typed.ty),
            FnArg::Receiver(receiver) => Err(syn::Error::new_spanned(
                receiver,
                "a method is no function of the platform",
            )),
        })
        .collect()
}

/// `T` of `Result<T, E>`, by name: a macro sees no types.
fn ok_type(function: &ItemFn) -> syn::Result<&Type> {
    let refused = || syn::Error::new_spanned(&function.sig, "the function returns a `Result`");
    let ReturnType::Type(_, returned) = &function.sig.output else {
        return Err(refused());
    };
    let Type::Path(path) = &**returned else {
        return Err(refused());
    };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == "Result");
    match last.map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => match arguments.args.first() {
            Some(GenericArgument::Type(ok)) => Ok(ok),
            _ => Err(refused()),
        },
        _ => Err(refused()),
    }
}

/// The documentation of the function as one text.
fn documentation(function: &ItemFn) -> String {
    let lines = function
        .attrs
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(line),
                    ..
                }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        });
    let lines: Vec<_> = lines.map(|line| line.trim().to_owned()).collect();
    lines.join("\n").trim().to_owned()
}
