//! The attributes of `weft-sdk`.
//!
//! Each leaves the function as it is, callable in tests, and adds an uninhabited type of the same
//! name (functions and types have separate namespaces) that implements the role's trait.

mod arguments;
mod role;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use arguments::Arguments;

/// Makes an activity of `fn name(input: I) -> Result<O, Failure>`.
///
/// The function may also take nothing, or the `Call` before its input.
/// Its error may be any type that turns into a `Failure`. It is named like the function with
/// hyphens, or as `#[activity(name = "...")]` says.
#[proc_macro_attribute]
pub fn activity(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(attribute, item, role::activity)
}

/// Makes an orchestrator of `async fn name(ctx: Context, input: I) -> Result<O, Failure>`.
///
/// The input may be left out. It is named like the function with hyphens, or as
/// `#[orchestrator(name = "...")]` says.
#[proc_macro_attribute]
pub fn orchestrator(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(attribute, item, role::orchestrator)
}

/// Makes an HTTP function of `fn name(request: Request) -> Result<Response, Error>`.
///
/// `#[http(route = "photos/{id}", methods = ["GET"])]` sets the template below `/api/` and the
/// methods; without them the route is the function's name and every method is taken.
#[proc_macro_attribute]
pub fn http(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(attribute, item, role::http)
}

fn expand(
    attribute: TokenStream,
    item: TokenStream,
    role: fn(&Arguments, &ItemFn) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let arguments = parse_macro_input!(attribute as Arguments);
    let function = parse_macro_input!(item as ItemFn);
    let added = role(&arguments, &function).unwrap_or_else(syn::Error::into_compile_error);
    quote::quote!(#function #added).into()
}
