//! Writes protocol buffers: the four kinds of fields that a trace needs (floor 5).
//!
//! A message is its fields one after the other. A field is a number that says which field it is and
//! how its value is written, and the value. (<https://protobuf.dev/programming-guides/encoding>)

/// A message, or a part of one, being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

const VARINT: u64 = 0;
const FIXED: u64 = 1;
const SIZED: u64 = 2;

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A number, in as few bytes as it needs.
    pub(super) fn number(&mut self, field: u32, value: u64) -> &mut Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    /// A number in eight bytes.
    pub(super) fn fixed(&mut self, field: u32, value: u64) -> &mut Self {
        self.key(field, FIXED);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A text.
    pub(super) fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.sized(field, value.as_bytes())
    }

    /// Fields that were written elsewhere, as a message of their own.
    pub(super) fn sized(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.key(field, SIZED);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A message within this one, which `fill` writes.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.key(field, SIZED);
        let start = self.0.len();
        self.0.push(0); // Its length, which is nearly always below 128, and then one byte.
        fill(self);
        let len = self.0.len() - start - 1;
        let mut prefix = Self::default();
        prefix.varint(len as u64);
        self.0.splice(start..=start, prefix.0);
        self
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.varint(u64::from(field) << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; all but the last byte have the eighth bit set.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own description.
    #[test]
    fn it_writes_what_the_description_of_the_format_shows() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.text(2, "testing");
        assert_eq!(message.0, b"\x12\x07testing");
        let mut message = Message::default();
        message.message(3, |inner| {
            inner.number(1, 150);
        });
        assert_eq!(message.0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.fixed(1, 0x0102);
        assert_eq!(message.0, [0x09, 0x02, 0x01, 0, 0, 0, 0, 0, 0]);
        let mut message = Message::default();
        message.number(16, u64::MAX);
        assert_eq!(message.0[..2], [0x80, 0x01]);
        assert_eq!((message.0.len(), message.0[11]), (12, 1));
    }

    #[test]
    fn a_long_message_within_another_has_a_long_length() {
        let mut message = Message::default();
        message.message(1, |inner| {
            inner.sized(2, &[7; 200]);
        });
        assert_eq!(message.0[..6], [0x0a, 0xcb, 0x01, 0x12, 0xc8, 0x01]);
        assert_eq!(message.0.len(), 6 + 200);
    }
}
