//! Event files, read as TensorBoard does.

use std::{collections::BTreeMap, fs, path::Path};

/// CRC-32C, bit by bit, and the mask of TensorFlow's records.
fn masked_checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The fields of a message, each with its number and its bytes; a varint as eight bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let len = match key & 7 {
            0 => {
                fields.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, bytes[..len].to_vec()));
        bytes = &bytes[len..];
    }
    fields
}

type Points = BTreeMap<String, Vec<(u64, f32)>>;

/// Every point of a folder's event files, by tag: step and value. The first start of a session changes nothing; any later one
/// drops the points from its step on that were read before it.
pub(crate) fn points(folder: &Path) -> Points {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut points, mut started) = (Points::new(), false);
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with("events.out.tfevents."), "{name}");
        add(&fs::read(&file).unwrap(), &mut points, &mut started);
    }
    points
}

fn add(mut rest: &[u8], points: &mut Points, started: &mut bool) {
    let mut version = None;
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    while !rest.is_empty() {
        let len = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(number(&rest[8..12]), masked_checksum(&rest[..8]));
        let message = &rest[12..12 + len];
        assert_eq!(number(&rest[12 + len..16 + len]), masked_checksum(message));
        rest = &rest[16 + len..];
        let event: BTreeMap<u64, Vec<u8>> = fields(message).into_iter().collect();
        assert!(
            f64::from_le_bytes(event[&1][..].try_into().unwrap()) > 1.5e9,
            "the time"
        );
        let step = u64::from_le_bytes(event[&2][..].try_into().unwrap());
        if let Some(text) = event.get(&3) {
            version = Some(text.clone());
        }
        if event.get(&7).is_some_and(|log| log[..] == [1 << 3, 1]) && std::mem::replace(started, true) {
            points
                .values_mut()
                .for_each(|points| points.retain(|(at, _)| *at < step));
        }
        for (_, value) in event.get(&5).map(|summary| fields(summary)).unwrap_or_default() {
            let value: BTreeMap<u64, Vec<u8>> = fields(&value).into_iter().collect();
            let tag = String::from_utf8(value[&1].clone()).unwrap();
            let value = f32::from_le_bytes(value[&2][..].try_into().unwrap());
            points.entry(tag).or_default().push((step, value));
        }
    }
    assert_eq!(version.unwrap(), b"brain.Event:2");
}
