//! What a static host shows for an unknown address.
//!
//! It can be at any depth, below any path, so nothing in it may be relative and nothing is known of the site's root: it
//! brings its own look, and finds the root by asking for a file that only the root has, first of the host, then of each
//! folder on the way to the unknown address. Without a script there is the way back.

use faultline::guides::kit::guide::Guide;

/// The page. `file` is a file of the site's root, whose name no other site has.
pub fn page(file: &str) -> String {
    let guides: String =
        Guide::ALL.map(|guide| format!("<li><a data-to=\"{}/\">{}</a></li>", guide.slug(), guide.title())).concat();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>There is no such page · Faultline</title><style>{STYLE}</style></head>\
         <body><header><a data-to=\"\">{MARK}Faultline</a></header><main><h1>There is no such page</h1>\
         <p>A scenario may have another name by now, or the address lost its end on the way.</p>\
         <div id=\"ways\" hidden><p><a data-to=\"\">Go to the front page</a>, or to a guide:</p><ul>{guides}<li><a data-to=\"rules/\">All rules</a></li></ul></div>\
         <noscript><p>Go back, or shorten the address to where the guides begin.</p></noscript></main>\
         <script>{}</script></body></html>",
        FIND.replace("FILE", file)
    )
}

const MARK: &str = "<svg width=\"26\" height=\"14\" viewBox=\"0 0 26 14\" aria-hidden=\"true\"><path d=\"M0 9h8l3-8 4 12 3-7h8\" \
                    fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"/></svg> ";

const STYLE: &str = ":root{color-scheme:light dark;--paper:light-dark(#f7f4ec,#16191d);--raised:light-dark(#fffdf8,#1e2227);\
    --ink:light-dark(#22262b,#e9e5db);--line:light-dark(#d6d0c1,#363b42);--accent:light-dark(#1f4e8c,#9cc3f5)}\
    :root[data-theme=dark]{color-scheme:dark}:root[data-theme=light]{color-scheme:light}\
    body{margin:0;background:var(--paper);color:var(--ink);font:1.08rem/1.6 ui-serif,\"Iowan Old Style\",Palatino,Georgia,serif}\
    header{padding:.6rem 1.1rem;border-bottom:1px solid var(--line);background:var(--raised);font-weight:600;font-size:1.15rem}\
    header a{color:inherit;text-decoration:none}header svg{color:var(--accent)}\
    main{max-width:40rem;padding:3rem 1.1rem;margin:0 auto}h1{font-size:clamp(1.9rem,1.2rem + 2.6vw,3rem);line-height:1.2;margin:0 0 1rem}\
    a{color:var(--accent);text-underline-offset:3px}ul{padding-left:1.2em}li a{display:inline-block;padding:.25rem 0}\
    :focus-visible{outline:3px solid light-dark(#b04a00,#ffb070);outline-offset:2px}";

const FIND: &str = "(async()=>{try{document.documentElement.dataset.theme=localStorage.getItem('faultline.theme')||'auto'}catch{}\
    const parts=location.pathname.split('/').slice(1,-1);let root='/';\
    for(let n=0;n<=parts.length;n+=1){const here='/'+parts.slice(0,n).map(p=>p+'/').join('');\
    try{if((await fetch(here+'FILE',{method:'HEAD'})).ok){root=here;break}}catch{}}\
    for(const a of document.querySelectorAll('[data-to]'))a.href=root+a.dataset.to;\
    document.getElementById('ways').hidden=false})()";
