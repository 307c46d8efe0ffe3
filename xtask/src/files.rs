//! A static file server for the built site, on 127.0.0.1. It does what README asks of any host: it sends compressed
//! files to clients that accept them, and lets files with a hash in their name be cached for ever.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use crate::Outcome;

/// What a compressed copy's name ends with, and what HTTP calls it; the smaller one first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];

/// Serves a folder for ever, as any static host would: directories by their index.html, unknown addresses with 404.
pub fn serve(folder: PathBuf, port: u16, base: &str) -> Outcome {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .map_err(|error| format!("Port {port} cannot be used ({error}). Choose another: --port N."))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("http://{address}{base}");
    for stream in listener.incoming().flatten() {
        let (folder, base) = (folder.clone(), base.to_owned());
        std::thread::spawn(move || {
            // A browser that goes away in the middle of an answer is not an error.
            let _ = answer(stream, &folder, &base);
        });
    }
    Ok(())
}

fn answer(mut stream: TcpStream, folder: &Path, base: &str) -> std::io::Result<()> {
    let (path, accepted) = request(&mut BufReader::new(stream.try_clone()?))?;
    let (status, file) = match path.strip_prefix(base).and_then(|rest| find(folder, rest)) {
        Some(Found::File(file)) => ("200 OK", file),
        Some(Found::Folder) => {
            let head = format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {path}/\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes());
        }
        None => ("404 Not Found", folder.join("404.html")),
    };
    let (body, encoding) = read(&file, &accepted)?;
    let (kind, length, cache) = (media_type(&file), body.len(), cache_control(&file));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{encoding}Vary: Accept-Encoding\r\n\
         Cache-Control: {cache}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

/// The path that is asked for, and the encodings that are accepted.
fn request(reader: &mut impl BufRead) -> std::io::Result<(String, String)> {
    let (mut first, mut header, mut accepted) = (String::new(), String::new(), String::new());
    reader.read_line(&mut first)?;
    while reader.read_line(&mut header)? > 2 {
        let (name, value) = header.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("accept-encoding") {
            accepted = value.trim().to_ascii_lowercase();
        }
        header.clear();
    }
    let target = first.split_whitespace().nth(1).unwrap_or("/");
    Ok((target.split(['?', '#']).next().unwrap_or("/").to_owned(), accepted))
}

/// The contents of a file, or of its smallest accepted copy, and the header that says so.
fn read(file: &Path, accepted: &str) -> std::io::Result<(Vec<u8>, String)> {
    let takes = |name: &str| accepted.split(',').any(|word| word.trim() == name);
    let copies = ENCODINGS.iter().filter(|(_, name)| takes(name));
    let found = copies.into_iter().find_map(|(end, name)| {
        let copy = format!("{}.{end}", file.display());
        std::fs::read(copy).ok().map(|body| (body, format!("Content-Encoding: {name}\r\n")))
    });
    found.map_or_else(|| std::fs::read(file).map(|body| (body, String::new())), Ok)
}

enum Found {
    File(PathBuf),
    /// A folder asked for without its final slash.
    Folder,
}

fn find(folder: &Path, rest: &str) -> Option<Found> {
    let relative = Path::new(rest.trim_start_matches('/'));
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(relative);
    match (path.is_dir(), rest.is_empty() || rest.ends_with('/')) {
        (true, true) => Some(path.join("index.html")).filter(|file| file.is_file()).map(Found::File),
        (true, false) => Some(Found::Folder),
        _ => path.is_file().then_some(Found::File(path)),
    }
}

/// A name with a hash in it always stands for the same content; for any other name the browser has to ask each time.
fn cache_control(file: &Path) -> &'static str {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Trunk writes a 64-bit number, without leading zeros.
    let is_hash = |part: &str| (12..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if name.split(['-', '_', '.']).any(is_hash) { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::{cache_control, request};

    #[test]
    fn a_request_is_read() {
        let mut asked = Cursor::new("GET /a/?run=1 HTTP/1.1\r\nHost: here\r\nAccept-Encoding: gzip, BR\r\n\r\n");
        assert_eq!(request(&mut asked).ok(), Some(("/a/".to_owned(), "gzip, br".to_owned())));
    }

    #[test]
    fn only_a_name_with_a_hash_is_kept_for_ever() {
        for name in ["icon-cc41ca3c05f051a.svg", "consensus-93c04530ca872b20_bg.wasm"] {
            assert!(cache_control(Path::new(name)).ends_with("immutable"), "{name}");
        }
        for name in ["index.html", "worker.js", "404.html", "two-phase-commit/index.html"] {
            assert_eq!(cache_control(Path::new(name)), "no-cache", "{name}");
        }
    }
}
