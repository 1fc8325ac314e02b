//! Generated bindings of the WIT, one module per role.
//!
//! A component exports only the roles that it holds, so each role is a world of its own with an
//! export macro; what they import is generated once, in [`imports`].

/// Everything that functions may import.
pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        inline: r"
            package weft:sdk-imports;
            world role {
                import weft:functions/types@0.1.0;
                import weft:functions/durable@0.1.0;
                import weft:functions/client@0.1.0;
                import weft:functions/entities@0.1.0;
                import weft:functions/entity-client@0.1.0;
                import weft:functions/entity-context@0.1.0;
                import weft:functions/management@0.1.0;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:blobstore/types@0.2.0-draft;
                import wasi:blobstore/container@0.2.0-draft;
                import wasi:blobstore/blobstore@0.2.0-draft;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        world: "weft:sdk-imports/role",
        generate_all,
    });
}

pub mod activity {
    wit_bindgen::generate!({
        path: "wit",
        inline: r"
            package weft:sdk-activity;
            world activity-role { export weft:functions/activity@0.1.0; }
        ",
        world: "weft:sdk-activity/activity-role",
        with: { "weft:functions/types@0.1.0": crate::bindings::imports::weft::functions::types },
        pub_export_macro: true,
        export_macro_name: "export_activities",
    });
}

pub mod orchestrator {
    wit_bindgen::generate!({
        path: "wit",
        inline: r"
            package weft:sdk-orchestrator;
            world orchestrator-role { export weft:functions/orchestrator@0.1.0; }
        ",
        world: "weft:sdk-orchestrator/orchestrator-role",
        with: { "weft:functions/types@0.1.0": crate::bindings::imports::weft::functions::types },
        pub_export_macro: true,
        export_macro_name: "export_orchestrators",
    });
}

pub mod entity {
    wit_bindgen::generate!({
        path: "wit",
        inline: r"
            package weft:sdk-entity;
            world entity-role { export weft:functions/entity@0.1.0; }
        ",
        world: "weft:sdk-entity/entity-role",
        with: { "weft:functions/types@0.1.0": crate::bindings::imports::weft::functions::types },
        pub_export_macro: true,
        export_macro_name: "export_entities",
    });
}

pub mod describe {
    wit_bindgen::generate!({
        path: "wit",
        inline: r"
            package weft:sdk-describe;
            world describe-role { export weft:functions/describe@0.1.0; }
        ",
        world: "weft:sdk-describe/describe-role",
        pub_export_macro: true,
        export_macro_name: "export_description",
    });
}
