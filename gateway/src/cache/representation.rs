//! Content codings: which one a client takes, and a value encoded in each, once for all who ask.

use bytes::Bytes;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap,
    HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use std::io::Write;
use xxhash_rust::xxh3::xxh3_128;

/// Below, a coding saves less than a packet.
const MIN_ENCODED_BYTES: usize = 1 << 10;
/// Of 9. The summary of visitors is encoded each second; the level above costs twice the time for a hundredth of the size.
const GZIP_LEVEL: u32 = 6;
/// Of 11, for the same reason.
const BROTLI_QUALITY: u32 = 5;
/// 2^18 bytes: what is encoded here is a few kilobytes, and a larger window only costs memory.
const BROTLI_WINDOW: u32 = 18;
/// What a `304` tells of the headers of the `200`.
const NOT_MODIFIED_HEADERS: [HeaderName; 5] = [
    ETAG,
    VARY,
    CACHE_CONTROL,
    X_CONTENT_TYPE_OPTIONS,
    CONTENT_SECURITY_POLICY,
];

/// How the bytes are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

/// A value as it is sent in one coding.
#[derive(Clone, Debug)]
pub struct Representation {
    /// Which.
    pub coding: ContentCoding,
    /// The bytes.
    pub body: Bytes,
    /// A strong tag of the value and the coding alone, so that it is equal on all gateways.
    pub etag: HeaderValue,
    /// All headers of a `200`.
    pub headers: HeaderMap,
    /// All headers of a `304`.
    pub not_modified_headers: HeaderMap,
}

impl ContentCoding {
    /// As in `Content-Encoding`, which says nothing of bytes as they are.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

impl Representation {
    /// `value` in every coding that makes it smaller, the smallest first, as it is last; each with the headers `common`
    /// and its own.
    pub fn encode_all(value: &Bytes, common: &HeaderMap) -> Vec<Self> {
        let hash = xxh3_128(value);
        let encoded = |coding: ContentCoding, body: Bytes| {
            let tag = format!("\"{hash:032x}-{}\"", coding.name().unwrap_or("id"));
            let etag = HeaderValue::try_from(tag).expect("a tag is made of digits and letters");
            let mut headers = common.clone();
            headers.insert(ETAG, etag.clone());
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            if let Some(name) = coding.name() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            let kept = NOT_MODIFIED_HEADERS.into_iter().filter_map(|name| {
                let value = headers.get(&name)?.clone();
                Some((name, value))
            });
            Self {
                not_modified_headers: kept.collect(),
                headers,
                coding,
                body,
                etag,
            }
        };
        let mut all = Vec::with_capacity(3);
        if value.len() >= MIN_ENCODED_BYTES {
            all.push(encoded(ContentCoding::Brotli, brotli(value)));
            all.push(encoded(ContentCoding::Gzip, gzip(value)));
            all.retain(|coded| coded.body.len() < value.len());
        }
        all.push(encoded(ContentCoding::Identity, value.clone()));
        all
    }

    /// What a client likes best; among what it likes equally, the first.
    pub fn negotiate<'a>(all: &'a [Self], request: &HeaderMap) -> &'a Self {
        let mut best = all.last().expect("every value is there as it is");
        if !request.contains_key(ACCEPT_ENCODING) {
            return best;
        }
        let mut most = 0;
        for encoded in all {
            let qvalue = match encoded.coding.name() {
                Some(name) => qvalue(request, name).unwrap_or(0),
                // Always taken, but less than anything that is asked for by name.
                None => qvalue(request, "identity").unwrap_or(1),
            };
            if qvalue > most {
                (best, most) = (encoded, qvalue);
            }
        }
        best
    }
}

/// How much a client likes a coding, in thousandths; `None` when it does not say.
fn qvalue(request: &HeaderMap, coding: &str) -> Option<u16> {
    let mut any = None;
    for line in request.get_all(ACCEPT_ENCODING) {
        for item in line.to_str().unwrap_or_default().split(',') {
            let (name, parameter) = item.split_once(';').unwrap_or((item, ""));
            let quality = parameter
                .trim()
                .strip_prefix(['q', 'Q'])
                .and_then(|q| q.strip_prefix('='));
            let quality = quality.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to 1000"
            )]
            let quality = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
            match name.trim() {
                name if name.eq_ignore_ascii_case(coding) => return Some(quality),
                "*" => any = Some(quality),
                _ => {}
            }
        }
    }
    any.filter(|_| coding != "identity")
}

fn gzip(value: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    let written = encoder.write_all(value).and_then(|()| encoder.finish());
    written.expect("memory takes what is written to it").into()
}

fn brotli(value: &[u8]) -> Bytes {
    let mut encoder =
        brotli::CompressorWriter::new(Vec::new(), MIN_ENCODED_BYTES, BROTLI_QUALITY, BROTLI_WINDOW);
    let written = encoder.write_all(value).and_then(|()| encoder.flush());
    written.expect("memory takes what is written to it");
    encoder.into_inner().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn best(accepted: Option<&str>, length: usize) -> ContentCoding {
        let value = Bytes::from("abcdefghij".repeat(length / 10));
        let mut request = HeaderMap::new();
        if let Some(accepted) = accepted {
            request.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
        }
        Representation::negotiate(
            &Representation::encode_all(&value, &HeaderMap::new()),
            &request,
        )
        .coding
    }

    #[test]
    fn a_client_gets_what_it_likes_best() {
        for (accepted, coding) in [
            (None, ContentCoding::Identity),
            (Some(""), ContentCoding::Identity),
            (Some("gzip"), ContentCoding::Gzip),
            (Some("GZIP"), ContentCoding::Gzip),
            (Some("gzip, deflate, br, zstd"), ContentCoding::Brotli),
            (Some("br;q=0.5, gzip;q=0.8"), ContentCoding::Gzip),
            (Some("br;q=0, gzip;q=0"), ContentCoding::Identity),
            (Some("*"), ContentCoding::Brotli),
            (Some("*;q=0.1, br;q=0"), ContentCoding::Gzip),
            (Some("identity;q=1, gzip;q=0.5"), ContentCoding::Identity),
            (Some("identity;q=0"), ContentCoding::Identity),
            (Some("gzip;q=nonsense"), ContentCoding::Identity),
            (Some("deflate"), ContentCoding::Identity),
        ] {
            assert_eq!(best(accepted, 2_000), coding, "{accepted:?}");
        }
    }

    #[test]
    fn what_is_small_is_sent_as_it_is() {
        assert_eq!(best(Some("gzip, br"), 1_000), ContentCoding::Identity);
        assert_eq!(best(Some("gzip, br"), 1_030), ContentCoding::Brotli);
    }

    #[test]
    fn what_is_decoded_is_the_value_and_tags_tell_codings_apart() {
        let value = Bytes::from("Laskar Pelangi ".repeat(200));
        let all = Representation::encode_all(&value, &HeaderMap::new());
        assert_eq!(all.len(), 3);
        for encoded in &all {
            let mut decoded = Vec::new();
            let read = match encoded.coding {
                ContentCoding::Identity => (&encoded.body[..]).read_to_end(&mut decoded),
                ContentCoding::Gzip => {
                    flate2::read::GzDecoder::new(&encoded.body[..]).read_to_end(&mut decoded)
                }
                ContentCoding::Brotli => {
                    brotli::Decompressor::new(&encoded.body[..], 4096).read_to_end(&mut decoded)
                }
            };
            assert!(read.is_ok());
            assert_eq!(decoded, value);
        }
        assert!(all[0].etag != all[1].etag && all[1].etag != all[2].etag);
    }
}
