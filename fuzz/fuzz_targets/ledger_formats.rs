//! Headers, leaves, configurations, certificates and chain records decode from their one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_ledger::{
    Certificate, ChainRecord, Configuration, Header, Interior, Leaf, ReplyPreimage,
    ShownBlock,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Header::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Leaf::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = ReplyPreimage::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Interior::decode(&bytes.to_vec().into()) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Configuration::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Certificate::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = ShownBlock::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = ChainRecord::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
