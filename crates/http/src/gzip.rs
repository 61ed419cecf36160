//! Compressed answers, for clients that ask for them.
//!
//! Most clients written in Go ask always, so the fastest level is used: on loopback and in a data centre the saved bytes
//! are worth less than the time.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

/// Smaller bodies are sent as they are: Consul's number, a packet's size.
pub(crate) const BYTES_MIN: usize = 1_400;

/// A body that is this long is compressed away from the thread that everything else needs: it takes some 2 ms.
pub(crate) const LONG_BYTES: usize = 256 << 10;

/// Whether the client takes gzip.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let refused = quality.is_some_and(|quality| quality.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Compresses a body.
pub(crate) fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    match encoder.write_all(body).and_then(|()| encoder.finish()) {
        Ok(compressed) => compressed.into(),
        Err(error) => unreachable!("writing to memory does not fail: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_ask_in_several_ways() {
        for (text, accepted) in [
            ("gzip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("GZIP ; q=0.1", true),
            ("gzip;q=0", false),
            ("deflate", false),
            ("", false),
        ] {
            let headers = [(ACCEPT_ENCODING, text.parse().unwrap())].into_iter().collect();
            assert_eq!(is_accepted(&headers), accepted, "{text}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    #[test]
    fn compressed_bodies_read_back() {
        use std::io::Read as _;
        let body = b"quorate ".repeat(1_000);
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&compress(&body)[..]).read_to_end(&mut back).unwrap();
        assert_eq!(back, body);
    }
}
