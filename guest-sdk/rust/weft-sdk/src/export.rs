//! The macro that makes a component of functions.

/// Makes a component of the functions named, once in a crate:
///
/// ```ignore
/// weft_sdk::export! {
///     http: [upload, sheet],
///     orchestrators: [process],
///     activities: [analyse, combine],
///     entities: [Counter],
/// }
/// ```
///
/// Each of the four lists may be left out; the component then does not export that role.
/// Natively it checks the names and exports nothing.
#[macro_export]
macro_rules! export {
    ($($role:ident : [$($function:path),+ $(,)?]),+ $(,)?) => {
        const _: () = {
            struct Component;

            impl $crate::rt::describe::Guest for Component {
                fn describe() -> ::std::vec::Vec<$crate::rt::describe::Function> {
                    let mut functions = ::std::vec::Vec::new();
                    $($crate::__describe_role!(functions $role [$($function),+]);)+
                    functions
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::describe::export_description!(
                Component with_types_in $crate::bindings::describe
            );
            // What is exported is in use, natively too.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> ::std::vec::Vec<$crate::rt::describe::Function> =
                <Component as $crate::rt::describe::Guest>::describe;
            $($crate::__export_role!($role Component [$($function),+]);)+
        };
    };
}

// Entities name themselves in the interface that runs them.
#[doc(hidden)]
#[macro_export]
macro_rules! __describe_role {
    ($functions:ident entities [$($function:path),+]) => {
        let _: &mut ::std::vec::Vec<$crate::rt::describe::Function> = &mut $functions;
    };
    ($functions:ident $role:ident [$($function:path),+]) => {
        $($functions.push(<$function as $crate::Function>::describe());)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_role {
    (entities $component:ident [$($function:path),+]) => {
        impl $crate::rt::entity::Guest for $component {
            fn names() -> ::std::vec::Vec<::std::string::String> {
                ::std::vec![$(<$function as $crate::Entity>::NAME.to_owned()),+]
            }

            fn run(
                name: ::std::string::String,
                key: ::std::string::String,
                operation: ::std::string::String,
                input: ::std::string::String,
            ) -> ::std::result::Result<::std::string::String, $crate::rt::types::Failure> {
                $(if name == <$function as $crate::Entity>::NAME {
                    return $crate::rt::run_entity::<$function>(key, operation, input);
                })+
                Err($crate::rt::unknown(&name))
            }
        }
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::entity::export_entities!(
            $component with_types_in $crate::bindings::entity
        );
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> ::std::vec::Vec<::std::string::String> =
            <$component as $crate::rt::entity::Guest>::names;
    };
    (activities $component:ident [$($function:path),+]) => {
        impl $crate::rt::activity::Guest for $component {
            fn run(
                name: ::std::string::String,
                input: ::std::string::String,
                call: $crate::rt::activity::Call,
            ) -> ::std::result::Result<::std::string::String, $crate::rt::types::Failure> {
                $(if name == <$function as $crate::Function>::NAME {
                    return $crate::rt::run_activity::<$function>(&input, call);
                })+
                Err($crate::rt::unknown(&name))
            }
        }
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::activity::export_activities!(
            $component with_types_in $crate::bindings::activity
        );
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(
            ::std::string::String,
            ::std::string::String,
            $crate::rt::activity::Call,
        ) -> ::std::result::Result<::std::string::String, $crate::rt::types::Failure> =
            <$component as $crate::rt::activity::Guest>::run;
    };
    (orchestrators $component:ident [$($function:path),+]) => {
        impl $crate::rt::orchestrator::Guest for $component {
            fn run(
                name: ::std::string::String,
                input: ::std::string::String,
            ) -> ::std::result::Result<::std::string::String, $crate::rt::types::Failure> {
                $(if name == <$function as $crate::Function>::NAME {
                    return $crate::rt::run_orchestrator::<$function>(&input);
                })+
                Err($crate::rt::unknown(&name))
            }
        }
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::orchestrator::export_orchestrators!(
            $component with_types_in $crate::bindings::orchestrator
        );
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(
            ::std::string::String,
            ::std::string::String,
        ) -> ::std::result::Result<::std::string::String, $crate::rt::types::Failure> =
            <$component as $crate::rt::orchestrator::Guest>::run;
    };
    (http $component:ident [$($function:path),+]) => {
        impl $crate::rt::wasip2::exports::http::incoming_handler::Guest for $component {
            fn handle(
                request: $crate::rt::wasip2::http::types::IncomingRequest,
                out: $crate::rt::wasip2::http::types::ResponseOutparam,
            ) {
                let entries = [$($crate::rt::Entry::of::<$function>()),+];
                $crate::rt::serve(&entries, &request, out);
            }
        }
        #[cfg(target_arch = "wasm32")]
        $crate::rt::wasip2::http::proxy::export!(
            $component with_types_in $crate::rt::wasip2
        );
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(
            $crate::rt::wasip2::http::types::IncomingRequest,
            $crate::rt::wasip2::http::types::ResponseOutparam,
        ) = <$component as $crate::rt::wasip2::exports::http::incoming_handler::Guest>::handle;
    };
    ($other:ident $($rest:tt)*) => {
        ::std::compile_error!("the roles are `activities`, `orchestrators`, `entities` and `http`");
    };
}
