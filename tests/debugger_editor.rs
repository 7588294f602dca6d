//! turno's commands in an editor: lldb-dap, which editors start, is talked to as they do. Where it
//! is not installed the test is skipped, and says so.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An editor's side of a session.
struct Editor {
    dap: Child,
    heard: Receiver<Value>,
    sent: u64,
    stops: usize,
}

impl Editor {
    /// `None` if there is no lldb-dap, or none whose lldb runs scripts.
    fn start() -> Option<Self> {
        let name = ["-22", "-19", ""].into_iter().find(|version| {
            let mut lldb = Command::new(format!("lldb{version}"));
            let said = lldb.args(["-b", "-o", "script print(6 * 7)"]).output();
            said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("\n42\n"))
                && Command::new(format!("lldb-dap{version}")).arg("--help").output().is_ok()
        });
        let Some(version) = name else {
            eprintln!("skipped: there is no lldb-dap that runs scripts");
            return None;
        };
        let mut dap = Command::new(format!("lldb-dap{version}"));
        dap.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut dap = dap.spawn().expect("lldb-dap starts");
        let mut output = BufReader::new(dap.stdout.take().expect("it is piped"));
        let (say, heard) = channel();
        thread::spawn(move || {
            while let Some(message) = message(&mut output) {
                if say.send(message).is_err() {
                    break;
                }
            }
        });
        Some(Self { dap, heard, sent: 0, stops: 0 })
    }

    fn send(&mut self, command: &str, arguments: Value) -> u64 {
        self.sent += 1;
        let request = json!({
            "seq": self.sent, "type": "request", "command": command, "arguments": arguments
        });
        let text = request.to_string();
        let input = self.dap.stdin.as_mut().expect("it is piped");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("it is read");
        self.sent
    }

    /// What it hears up to something.
    fn hear(&mut self, until: impl Fn(&Value) -> bool) -> Value {
        loop {
            let next = self.heard.recv_timeout(Duration::from_secs(60));
            let message = next.expect("the editor is told");
            self.stops += usize::from(message["event"] == "stopped");
            if until(&message) {
                return message;
            }
        }
    }

    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let request = self.send(command, arguments);
        let answer = self.hear(|message| message["request_seq"] == request);
        assert_eq!(answer["success"], true, "{command}: {answer}");
        answer["body"].clone()
    }

    /// The line at which the program stands.
    fn line(&mut self, thread: &Value) -> u64 {
        let stack = self.ask("stackTrace", json!({ "threadId": thread, "levels": 1 }));
        stack["stackFrames"][0]["line"].as_u64().expect("it stands at a line")
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.send("disconnect", json!({ "terminateDebuggee": true }));
        while self.heard.recv_timeout(Duration::from_secs(10)).is_ok() {}
        let _ = self.dap.kill();
        let _ = self.dap.wait();
    }
}

fn message(output: &mut impl BufRead) -> Option<Value> {
    let mut size = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", number)) => size = number.parse().ok()?,
            None => break,
            _ => {}
        }
    }
    let mut text = vec![0; size];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn tour() -> Option<PathBuf> {
    // `cargo test` builds the examples beside the tests.
    let test = std::env::current_exe().expect("a test has a path");
    let tour = test.parent()?.parent()?.join("examples/tour");
    tour.exists().then_some(tour)
}

fn line_of(text: &str) -> u64 {
    let source = include_str!("../examples/tour/main.rs");
    1 + source.lines().position(|line| line.contains(text)).expect("it is there") as u64
}

#[test]
fn an_editor_hears_of_each_move_once_and_shows_where_it_ended() {
    let (Some(tour), Some(mut editor)) = (tour(), Editor::start()) else { return };
    editor.ask("initialize", json!({ "adapterID": "lldb", "linesStartAt1": true }));
    let script = format!("command script import {ROOT}/src/debugger/turno_lldb.py");
    // Where a container forbids it, lldb would not start the program.
    let commands = ["settings set target.disable-aslr false", &script];
    editor.send(
        "launch",
        json!({ "program": tour, "args": ["--policy", "fifo"], "disableASLR": false,
                "initCommands": commands }),
    );
    editor.hear(|message| message["event"] == "initialized");
    let door = json!([{ "name": "turno::switch_to", "condition": "n == 20" }]);
    editor.ask("setFunctionBreakpoints", json!({ "breakpoints": door }));
    editor.send("configurationDone", json!({}));
    let stop = editor.hear(|message| message["event"] == "stopped");
    let thread = stop["body"]["threadId"].clone();
    let back = "[task 2 \"crunch-a\" was suspended here, and is back]";
    let moves = [
        ("turno step", line_of("[\"crunch-a\"") + 1, ""),
        ("turno next", line_of("yield_now().await"), ""),
        ("turno next", line_of("for _ in 0..6"), ""),
        ("turno next", line_of("work(4 * MS).await"), ""),
        ("turno next", line_of("yield_now().await"), ""),
        ("turno next", line_of("for _ in 0..6"), back),
        ("turno until 40", 0, "[switch 40: task 5 \"web\", woken by a timer]"),
    ];
    for (n, (command, line, said)) in moves.into_iter().enumerate() {
        let stack = editor.ask("stackTrace", json!({ "threadId": thread, "levels": 1 }));
        let frame = stack["stackFrames"][0]["id"].clone();
        let command = format!("`{command}");
        let asked = json!({ "expression": command, "context": "repl", "frameId": frame });
        let answer = editor.ask("evaluate", asked)["result"].to_string();
        let answer = answer.replace("\\\"", "\"");
        assert!(answer.contains(said), "{command}: {answer}");
        if editor.stops < n + 2 {
            editor.hear(|message| message["event"] == "stopped");
        }
        if line > 0 {
            assert_eq!(editor.line(&thread), line, "{command}: {answer}");
        }
        assert_eq!(editor.stops, n + 2, "{command}: {answer}");
    }
}
