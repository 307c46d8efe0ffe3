//! A static file server for the built site, on 127.0.0.1.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use crate::Outcome;

/// Serves a folder for ever, as any static host would: directories by their index.html, unknown addresses with 404.
pub fn serve(folder: PathBuf, port: u16, base: &str) -> Outcome {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .map_err(|error| format!("Port {port} cannot be used ({error}). Choose another: --port N."))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("http://{address}{base}");
    for stream in listener.incoming().flatten() {
        let (folder, base) = (folder.clone(), base.to_owned());
        std::thread::spawn(move || {
            // A browser that goes away in the middle of an answer is nobody's error.
            let _ = answer(stream, &folder, &base);
        });
    }
    Ok(())
}

fn answer(mut stream: TcpStream, folder: &Path, base: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let target = request.split_whitespace().nth(1).unwrap_or("/");
    let path = target.split(['?', '#']).next().unwrap_or("/");
    let (status, file) = match path.strip_prefix(base).and_then(|rest| find(folder, rest)) {
        Some(Found::File(file)) => ("200 OK", Some(file)),
        Some(Found::Folder) => {
            let head = format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {path}/\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes());
        }
        None => ("404 Not Found", Some(folder.join("404.html")).filter(|file| file.is_file())),
    };
    let body = file.as_ref().map_or(Ok(b"Not found.".to_vec()), std::fs::read)?;
    let kind = file.as_deref().map_or("text/plain", media_type);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
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
