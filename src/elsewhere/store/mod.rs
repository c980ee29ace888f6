//! Objects of stores and files of web servers: `s3://`, `gs://`, `az://`, `https://`.

mod names;
mod object;
mod secrets;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use gradus::data::{Unfetched, is_data_name};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore, RetryConfig,
};
use tokio::runtime::Runtime;

use self::names::{Name, Scheme};
use self::object::StoredObject;
pub(crate) use self::secrets::{hide, without_secrets};
use super::{Listed, Listing};

/// Connecting may take so long.
const CONNECT: Duration = Duration::from_secs(20);
/// Without a byte for so long, a connection counts as broken.
const READ: Duration = Duration::from_mins(1);
/// A request is tried so often, and not later than so long after the first time.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_mins(1);

/// The files that a name stands for; nothing but their sizes is fetched.
pub(super) fn list(text: &str) -> Result<Listing, Unfetched> {
    secrets::note(text);
    let name = Name::parse(text)?;
    let store = open(&name).map_err(|error| failure(&error).cause)?;
    let objects = find(&*store, &name)?;
    let files = objects.into_iter().map(|meta| {
        let object = StoredObject::new(Arc::clone(&store), &name, &meta)?;
        Ok(Listed {
            name: name.of_key(meta.location.as_ref()),
            bytes: meta.size,
            version: object.version.clone(),
            source: Arc::new(object),
        })
    });
    Ok(Listing {
        pinned: without_secrets(text),
        files: files.collect::<Result<_, Unfetched>>()?,
    })
}

/// The client of the store; its settings come from the environment.
fn open(name: &Name) -> object_store::Result<Arc<dyn ObjectStore>> {
    // Ring, as the client of the Hub has it; a provider that is there already does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = || {
        ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(READ)
            .with_timeout_disabled()
    };
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(4),
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
    };
    let flag = |variable: &str| {
        let value = std::env::var(variable).unwrap_or_default();
        ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
    };
    Ok(match name.scheme {
        Scheme::S3 => Arc::new(
            AmazonS3Builder::from_env()
                .with_url(&name.root)
                .with_client_options(options().with_allow_http(flag("AWS_ALLOW_HTTP")))
                .with_retry(retry)
                .build()?,
        ),
        Scheme::Google => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_url(&name.root)
                .with_client_options(options().with_allow_http(flag("GOOGLE_ALLOW_HTTP")))
                .with_retry(retry)
                .build()?,
        ),
        Scheme::Azure => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_url(&name.root)
                .with_client_options(options().with_allow_http(flag("AZURE_ALLOW_HTTP")))
                .with_retry(retry)
                .build()?,
        ),
        Scheme::Web => Arc::new(
            HttpBuilder::new()
                .with_url(&name.root)
                // No credentials go to it but those that its address has.
                .with_client_options(options().with_allow_http(true))
                .with_retry(retry)
                .build()?,
        ),
    })
}

fn find(store: &dyn ObjectStore, name: &Name) -> Result<Vec<ObjectMeta>, Unfetched> {
    let failed = |error: Error| failure(&error).cause;
    if let Some(pattern) = &name.pattern {
        let below = Some(&name.key).filter(|key| !key.as_ref().is_empty());
        let listed = store.list(below);
        let objects: Vec<ObjectMeta> = wait(listed.try_collect()).map_err(failed)?;
        let found = objects
            .into_iter()
            .filter(|meta| pattern.has(meta.location.as_ref()));
        return in_order(found.collect());
    }
    if name.scheme == Scheme::Web {
        return Ok(vec![head(store, &name.key).map_err(failed)?]);
    }
    let directory = || {
        let listed = wait(store.list_with_delimiter(Some(&name.key))).map_err(failed)?;
        let is_data = |meta: &ObjectMeta| meta.location.filename().is_some_and(is_data_name);
        in_order(listed.objects.into_iter().filter(is_data).collect())
    };
    if name.is_directory || name.key.as_ref().is_empty() {
        return directory();
    }
    match head(store, &name.key) {
        Ok(meta) => Ok(vec![meta]),
        // What is no object may be a directory.
        Err(missing @ Error::NotFound { .. }) => match directory() {
            Ok(objects) => Ok(objects),
            Err(error) if error.is_input => Err(failed(missing)),
            Err(error) => Err(error),
        },
        Err(error) => Err(failed(error)),
    }
}

fn head(store: &dyn ObjectStore, key: &Key) -> object_store::Result<ObjectMeta> {
    let options = GetOptions {
        head: true,
        ..GetOptions::default()
    };
    Ok(wait(store.get_opts(key, options))?.meta)
}

fn in_order(mut objects: Vec<ObjectMeta>) -> Result<Vec<ObjectMeta>, Unfetched> {
    objects.sort_by(|one, next| one.location.cmp(&next.location));
    if objects.is_empty() {
        return Err(wrong(
            "found no data file, expected .jsonl, .json or .parquet objects".into(),
            "quote a pattern with *; of a directory, only objects directly in it are read: '**/*.parquet' reads those below",
        ));
    }
    Ok(objects)
}

/// Waits for an answer of a store.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no thread for requests: {error}"))
    });
    runtime.block_on(answer)
}

/// What an error of a store means. The client has tried again already where that may help.
fn failure(error: &Error) -> super::Broken {
    let reason = secrets::shortened(error);
    let (hint, is_input) = match error {
        Error::NotFound { .. } => (Some("check the name"), true),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (
            Some(
                "set the store's credentials in the environment; docs/remote-data.md lists the variables",
            ),
            true,
        ),
        Error::Precondition { .. } => (
            Some("it was replaced while it was read: run it again"),
            true,
        ),
        Error::InvalidPath { .. }
        | Error::NotSupported { .. }
        | Error::UnknownConfigurationKey { .. } => (Some("correct the name"), true),
        _ if reason.contains("404 Not Found") => (Some("check the name of the bucket"), true),
        _ if reason.contains("URL scheme is not allowed") => (
            Some(
                "an endpoint without TLS needs AWS_ALLOW_HTTP=true (GOOGLE_ALLOW_HTTP, AZURE_ALLOW_HTTP)",
            ),
            true,
        ),
        _ if reason.contains("169.254.") || reason.contains("metadata.google") => (
            Some(
                "set the store's credentials in the environment, or AWS_SKIP_SIGNATURE=true for public data",
            ),
            true,
        ),
        _ => (
            Some("try again: what came is kept; check the network and the settings of the store"),
            false,
        ),
    };
    super::Broken::lasting(reason, hint, is_input)
}

/// An error of the name.
fn wrong(reason: String, hint: &str) -> Unfetched {
    Unfetched {
        reason,
        hint: Some(hint.into()),
        is_input: true,
    }
}
