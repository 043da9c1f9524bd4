//! Zone files of stored zones.
//!
//! A client starts an export, reads its status until it is `COMPLETED`, and fetches the text:
//!
//! ```text
//! QUEUED → GENERATING → COMPLETED
//!                     ↘ FAILED
//! ```
//!
//! The text is written to a file without a name, a record at a time, and read from it in pieces, so that a zone of
//! any size takes little memory. It shows the zone as it was at one moment. An export that is asked for again is
//! made again only if the zone has changed. Exports are forgotten when the server stops.

mod store;
mod text;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, header};
use futures_util::stream;
use sha1::{Digest, Sha1};
use zones::Name;

pub(crate) use self::store::Exports;
use self::store::{Content, Export};
use super::zones::zone_of_path;
use crate::error::ApiError;
use crate::http::json;
use crate::router::ApiState;
use crate::service::Service;

/// Octets read from the file for one piece of a reply.
const PIECE_OCTETS: usize = 128 * 1024;

/// Starts an export of a zone, unless there is one of the zone as it is.
#[utoipa::path(
    put, path = "/v1/export/zonefile/{zone}",
    responses((status = 200, description = "The export", body = ref("#/components/schemas/ZoneExport"))),
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    Path(zone): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let name = zone_of_path(&zone)?;
    let zone = state.service.existing_zone(&name)?;
    if let Some(export) = state.exports.find(&name)
        && export.is_of(&zone)
    {
        return Ok(json(&export.status()));
    }
    let export = state.exports.add(&name, &zone)?;
    let reply = json(&export.status());
    tokio::spawn(generate(state, name, export));
    Ok(reply)
}

/// Starts an export, at the path that a client library uses.
#[utoipa::path(
    put, path = "/v1/zones/{zone}/export/zonefile",
    responses((status = 200, description = "The export", body = ref("#/components/schemas/ZoneExport"))),
)]
pub(crate) async fn start_below_zone(
    state: State<ApiState>,
    zone: Path<String>,
) -> Result<Response<Body>, ApiError> {
    start(state, zone).await
}

/// Shows how far the export of a zone is.
#[utoipa::path(
    get, path = "/v1/export/zonefile/{zone}/status",
    responses((status = 200, description = "The export", body = ref("#/components/schemas/ZoneExport"))),
)]
pub(crate) async fn status(
    State(state): State<ApiState>,
    Path(zone): Path<String>,
) -> Result<Response<Body>, ApiError> {
    Ok(json(&existing(&state, &zone)?.status()))
}

/// Gives the text of the last export of a zone.
#[utoipa::path(
    get, path = "/v1/export/zonefile/{zone}",
    responses((
        status = 200, description = "The zone file", content_type = "text/plain",
        body = ref("#/components/schemas/ZoneFileText"),
    )),
)]
pub(crate) async fn download(
    State(state): State<ApiState>,
    Path(zone): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let export = existing(&state, &zone)?;
    let Some(content) = export.content() else {
        return Err(ApiError::not_found(format!(
            "No export found: that of {zone} is not completed yet, or has failed"
        )));
    };
    let name = zone_of_path(&zone)?;
    let disposition = format!("attachment; filename=\"{}.zone\"", file_name(&name));
    let mut response = Response::new(body_of(Arc::clone(&content.file), content.octets));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(content.octets));
    let disposition = HeaderValue::from_str(&disposition).map_err(ApiError::internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    // With a tag of its own the reply is sent as it is read, and never collected.
    headers.insert(header::ETAG, HeaderValue::from_str(&content.tag).map_err(ApiError::internal)?);
    Ok(response)
}

fn existing(state: &ApiState, zone: &str) -> Result<Arc<Export>, ApiError> {
    let name = zone_of_path(zone)?;
    state.service.existing_zone(&name)?;
    let export = state.exports.find(&name);
    export.ok_or_else(|| {
        ApiError::not_found(format!("No export found: start one with PUT /v1/export/zonefile/{name}"))
    })
}

/// Writes the file of an export, in its turn.
async fn generate(state: ApiState, zone: Name, export: Arc<Export>) {
    let Ok(_turn) = state.exports.turn().await else { return };
    export.begin();
    let folder = state.options.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let made = state.service.at_one_moment(&zone, move |service, zone| {
        let file = tempfile::tempfile_in(&folder)
            .map_err(|error| ApiError::internal(format!("no file in {}: {error}", folder.display())))?;
        write_file(service, zone, file)
    });
    match made.await {
        Ok((zone, content)) => export.complete(&zone, content, unix_time_s()),
        Err(error) => export.fail(error.message),
    }
    state.exports.forget_oldest();
}

fn write_file(service: &Service, zone: &zones::ZoneDoc, file: File) -> Result<Content, ApiError> {
    let file = Arc::new(file);
    let mut out = Hashing { out: BufWriter::new(Arc::clone(&file)), hash: Sha1::new(), octets: 0 };
    text::write(service, zone, &mut out)?;
    let Hashing { hash, octets, .. } = out;
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&hash.finalize()));
    Ok(Content { file, octets, tag })
}

/// Counts and hashes what is written.
struct Hashing<W> {
    out: W,
    hash: Sha1,
    octets: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(piece)?;
        self.hash.update(&piece[..written]);
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A file as the body of a reply, read as the client takes it.
fn body_of(file: Arc<File>, octets: u64) -> Body {
    let pieces = stream::try_unfold(0_u64, move |at| {
        let file = Arc::clone(&file);
        async move {
            let left = usize::try_from(octets - at).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok::<_, std::io::Error>(None);
            }
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; left.min(PIECE_OCTETS)];
                file.read_exact_at(&mut piece, at).map(|()| piece)
            });
            let piece = read.await.map_err(std::io::Error::other)??;
            let next = at + piece.len() as u64;
            Ok(Some((Bytes::from(piece), next)))
        }
    });
    Body::from_stream(pieces)
}

/// The name of a zone as part of a file name.
fn file_name(zone: &Name) -> String {
    let text = zone.to_string();
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests;
