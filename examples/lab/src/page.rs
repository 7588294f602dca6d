//! One page with all tables and plots, in one file that needs no network.

use std::fmt::Write;

use crate::plot;
use crate::report::{Report, Table};

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.pale { color: #666 } code { background: #f3f3f3; padding: .1em .3em }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #e4e4e4 }
th:first-child, td:first-child { text-align: left } td { white-space: nowrap } thead th { border-bottom: 2px solid #999 }
svg { max-width: 100%; height: auto; margin-top: 1.5rem }
";

/// The page. `asked` is the command that made it.
pub fn html(report: &Report, asked: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{0}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <h1>{0}</h1>\n<p class=\"pale\">{1}</p>\n<p><code>{2}</code></p>\n",
        escape(&report.title),
        escape(&report.caption),
        escape(asked),
    );
    report.tables.iter().for_each(|table| page += &table_html(table));
    for note in &report.notes {
        page += &format!("<p>{}</p>\n", escape(note));
    }
    for plot in &report.plots {
        page += &plot::svg(std::slice::from_ref(plot), "");
        page.push('\n');
    }
    page + "</body></html>\n"
}

fn table_html(table: &Table) -> String {
    let cells = |tag: &str, line: &[String]| {
        line.iter().fold(String::new(), |mut row, cell| {
            let _ = write!(row, "<{tag}>{}</{tag}>", escape(cell)); // Into a string: cannot fail.
            row
        })
    };
    let lines: String =
        table.lines.iter().map(|line| format!("<tr>{}</tr>\n", cells("td", line))).collect();
    format!(
        "<h2>{}</h2>\n<div class=\"wide\"><table><thead><tr>{}</tr></thead>\n<tbody>\n{lines}\
         </tbody></table></div>\n",
        escape(&table.title),
        cells("th", &table.heads),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
