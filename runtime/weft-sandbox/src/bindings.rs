//! The interfaces of `wit/` as Rust, generated at compile time.

wasmtime::component::bindgen!({
    path: ["../../wit"],
    inline: r"
        package weft:sandbox;

        world guest {
            import wasi:logging/logging@0.1.0-draft;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:keyvalue/atomics@0.2.0-draft;
            import wasi:blobstore/types@0.2.0-draft;
            import wasi:blobstore/container@0.2.0-draft;
            import wasi:blobstore/blobstore@0.2.0-draft;
            import weft:functions/client@0.1.0;
            import weft:functions/durable@0.1.0;
            import weft:functions/entities@0.1.0;
            import weft:functions/entity-client@0.1.0;
            import weft:functions/entity-context@0.1.0;
            import weft:functions/management@0.1.0;
            export weft:functions/activity@0.1.0;
            export weft:functions/orchestrator@0.1.0;
            export weft:functions/entity@0.1.0;
            export weft:functions/describe@0.1.0;
        }
    ",
    world: "weft:sandbox/guest",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:keyvalue/store.bucket": crate::host::keyvalue::Bucket,
        "wasi:blobstore/container.container": crate::host::blobstore::Container,
        "wasi:blobstore/container.stream-object-names": crate::host::blobstore::ObjectNames,
        "wasi:blobstore/types.incoming-value": crate::host::blobstore::IncomingValue,
        "wasi:blobstore/types.outgoing-value": crate::host::blobstore::OutgoingValue,
    },
});
