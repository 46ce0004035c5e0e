//! Content codings: encodes a value once in each of them, and chooses the one that a client prefers.

use bytes::Bytes;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap,
    HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use std::io::Write;
use xxhash_rust::xxh3::xxh3_128;

/// Of 9. The summary of visitors is encoded each second; the next level takes twice the time and saves a hundredth of
/// the size.
const GZIP_LEVEL: u32 = 6;
/// For a value that changes.
const FAST: Effort = Effort {
    least_bytes: 1 << 10,
    brotli_quality: 5,
};
/// For a small value that is encoded once: 20 times the time, and a thirteenth smaller.
const BEST: Effort = Effort {
    least_bytes: 0,
    brotli_quality: 11,
};
/// 2^18 bytes: values are a few kilobytes, and a larger window only costs memory.
const BROTLI_WINDOW: u32 = 18;
const BUFFER_BYTES: usize = 1 << 10;
/// The headers of the `200` that a `304` repeats.
const NOT_MODIFIED_HEADERS: [HeaderName; 5] = [
    ETAG,
    VARY,
    CACHE_CONTROL,
    X_CONTENT_TYPE_OPTIONS,
    CONTENT_SECURITY_POLICY,
];

/// How much is done to make a value small.
#[derive(Clone, Copy)]
struct Effort {
    /// Smaller values are not encoded: that would save less than a packet.
    least_bytes: usize,
    /// Of 11.
    brotli_quality: u32,
}

/// A content coding that the gateway can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// Not encoded.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

/// A value in one content coding, with its headers.
#[derive(Clone, Debug)]
pub struct Representation {
    /// The coding.
    pub coding: ContentCoding,
    /// The encoded bytes.
    pub body: Bytes,
    /// A strong entity tag. It depends only on the value, on what that was made from, and on the coding, so that it is
    /// equal on all gateways.
    pub etag: HeaderValue,
    /// All headers of a `200`.
    pub headers: HeaderMap,
    /// All headers of a `304`.
    pub not_modified_headers: HeaderMap,
}

impl ContentCoding {
    /// The name in `Content-Encoding`; `None` for identity, which has no such header.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

impl Representation {
    /// Encodes `value` in every coding that makes it smaller: brotli, gzip, and identity last. Each gets the headers
    /// `common` and its own.
    pub fn encode_all(value: &Bytes, common: &HeaderMap) -> Vec<Self> {
        Self::encode_with_hash(value, xxh3_128(value), common, FAST)
    }

    /// The same for a value that was made from `source`. Its entity tags change with either of them.
    pub fn encode_derived(value: &Bytes, source: &[u8], common: &HeaderMap) -> Vec<Self> {
        let hash = xxh3_128(value) ^ xxh3_128(source);
        Self::encode_with_hash(value, hash, common, FAST)
    }

    /// As [`Self::encode_all`], but as small as can be: for a small value that is encoded once in the life of the process.
    pub fn encode_all_once(value: &Bytes, common: &HeaderMap) -> Vec<Self> {
        Self::encode_with_hash(value, xxh3_128(value), common, BEST)
    }

    fn encode_with_hash(
        value: &Bytes,
        hash: u128,
        common: &HeaderMap,
        effort: Effort,
    ) -> Vec<Self> {
        let encoded = |coding: ContentCoding, body: Bytes| {
            let tag = format!("\"{hash:032x}-{}\"", coding.name().unwrap_or("id"));
            let etag = HeaderValue::try_from(tag).expect("a tag is ASCII");
            let mut headers = common.clone();
            headers.insert(ETAG, etag.clone());
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            if let Some(name) = coding.name() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            let repeated = NOT_MODIFIED_HEADERS.into_iter().filter_map(|name| {
                let value = headers.get(&name)?.clone();
                Some((name, value))
            });
            Self {
                not_modified_headers: repeated.collect(),
                headers,
                coding,
                body,
                etag,
            }
        };
        let mut all = Vec::with_capacity(3);
        if value.len() >= effort.least_bytes {
            all.push(encoded(
                ContentCoding::Brotli,
                brotli(value, effort.brotli_quality),
            ));
            all.push(encoded(ContentCoding::Gzip, gzip(value)));
            all.retain(|coded| coded.body.len() < value.len());
        }
        all.push(encoded(ContentCoding::Identity, value.clone()));
        all
    }

    /// Chooses the representation that the request's `Accept-Encoding` prefers; the first one if it prefers several
    /// equally.
    pub fn negotiate<'a>(all: &'a [Self], request: &HeaderMap) -> &'a Self {
        let mut best = all
            .last()
            .expect("there is always an identity representation");
        if !request.contains_key(ACCEPT_ENCODING) {
            return best;
        }
        let mut best_qvalue = 0;
        for encoded in all {
            let qvalue = match encoded.coding.name() {
                Some(name) => qvalue(request, name).unwrap_or(0),
                // Always acceptable, but any coding that the client names is preferred.
                None => qvalue(request, "identity").unwrap_or(1),
            };
            if qvalue > best_qvalue {
                (best, best_qvalue) = (encoded, qvalue);
            }
        }
        best
    }
}

/// The quality value of `coding` in `Accept-Encoding`, in thousandths; `None` if the request does not mention it.
fn qvalue(request: &HeaderMap, coding: &str) -> Option<u16> {
    let mut wildcard = None;
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
                "*" => wildcard = Some(quality),
                _ => {}
            }
        }
    }
    wildcard.filter(|_| coding != "identity")
}

fn gzip(value: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    let written = encoder.write_all(value).and_then(|()| encoder.finish());
    written.expect("writing to memory cannot fail").into()
}

fn brotli(value: &[u8], quality: u32) -> Bytes {
    let mut encoder =
        brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, quality, BROTLI_WINDOW);
    let written = encoder.write_all(value).and_then(|()| encoder.flush());
    written.expect("writing to memory cannot fail");
    encoder.into_inner().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn negotiated(accepted: Option<&str>, length: usize) -> ContentCoding {
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
    fn client_gets_the_coding_that_it_prefers() {
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
            assert_eq!(negotiated(accepted, 2_000), coding, "{accepted:?}");
        }
    }

    #[test]
    fn small_values_are_not_encoded() {
        assert_eq!(negotiated(Some("gzip, br"), 1_000), ContentCoding::Identity);
        assert_eq!(negotiated(Some("gzip, br"), 1_030), ContentCoding::Brotli);
    }

    #[test]
    fn every_coding_decodes_to_the_value_and_has_its_own_tag() {
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
