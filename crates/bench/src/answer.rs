//! An answer as it comes from the socket.

use crate::Failure;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// The record's version: the first part of the `ETag`.
    pub(crate) version: Option<i64>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

/// The answer in `bytes`, once all of it is there.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    keep_headers: bool,
) -> Result<Option<Answer<'a>>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let text = |header: &httparse::Header<'a>| std::str::from_utf8(header.value);
    let (mut body, mut version) = (None, None);
    for header in &*head.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = Some(text(header)?.parse::<usize>()?);
        } else if header.name.eq_ignore_ascii_case("etag") {
            version = version_of(text(header)?);
        }
    }
    let end = length + body.ok_or("an answer has no Content-Length")?;
    let Some(body) = bytes.get(length..end) else {
        return Ok(None);
    };
    if bytes.len() > end {
        return Err("more came than one answer".into());
    }
    let mut kept = Vec::new();
    if keep_headers {
        for header in &*head.headers {
            kept.push((header.name, text(header)?));
        }
    }
    let status = head.code.unwrap_or_default();
    Ok(Some(Answer { status, version, headers: kept, body }))
}

fn version_of(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\netag: \"12-00ff\"\r\nContent-Length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_is_whole_or_not_yet_there() {
        for cut in 0..WHOLE.len() {
            assert!(parse(&WHOLE[..cut], false).unwrap().is_none(), "{cut}");
        }
        let answer = parse(WHOLE, true).unwrap().unwrap();
        assert_eq!((answer.status, answer.version, answer.body), (200, Some(12), &b"abc"[..]));
        assert_eq!(answer.headers[0], ("etag", "\"12-00ff\""));
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        assert!(parse(&[WHOLE, b"H"].concat(), false).is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false).is_err());
    }
}
