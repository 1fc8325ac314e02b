//! What stands in the attribute's parentheses.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, MetaNameValue, Token};

/// The values of an attribute; a role refuses those that it does not know.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) route: Option<LitStr>,
    pub(crate) methods: Option<Vec<LitStr>>,
}

impl Arguments {
    /// # Errors
    /// When the attribute has what only HTTP functions have.
    pub(crate) fn refuse_http(&self) -> syn::Result<()> {
        let methods = self.methods.as_ref().and_then(|methods| methods.first());
        match self.route.as_ref().or(methods) {
            Some(value) => Err(syn::Error::new(
                value.span(),
                "only HTTP functions have a route and methods",
            )),
            None => Ok(()),
        }
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        for pair in Punctuated::<MetaNameValue, Token![,]>::parse_terminated(input)? {
            let key: &Ident = pair.path.require_ident()?;
            match key.to_string().as_str() {
                "name" => arguments.name = Some(text(&pair.value)?),
                "route" => arguments.route = Some(text(&pair.value)?),
                "methods" => arguments.methods = Some(texts(&pair.value)?),
                _ => {
                    let message = "expected `name`, `route` or `methods`";
                    return Err(syn::Error::new(key.span(), message));
                }
            }
        }
        Ok(arguments)
    }
}

fn text(value: &Expr) -> syn::Result<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Ok(text.clone()),
        other => Err(syn::Error::new_spanned(other, "expected a string")),
    }
}

fn texts(value: &Expr) -> syn::Result<Vec<LitStr>> {
    match value {
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        other => Err(syn::Error::new_spanned(other, "expected [\"GET\", ...]")),
    }
}
