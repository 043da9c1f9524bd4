//! MaxMind DB files.

use std::net::IpAddr;

use geoip_data::reload::{GeoFiles, load};

/// Any octets as a file of places and as one of AS numbers: refused, or good for look-ups.
pub fn geo_file(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file.mmdb");
    std::fs::write(&path, data).expect("a temporary file");
    for is_city in [true, false] {
        let file = |wanted: bool| (wanted == is_city).then(|| path.clone());
        if let Ok(geo) = load(&GeoFiles { city: file(true), asn: file(false) }) {
            for address in ["0.0.0.0", "1.1.1.1", "255.255.255.255", "::", "2001:db8::1", "ffff::"] {
                let address: IpAddr = address.parse().expect("it is an address");
                let bits = if address.is_ipv4() { 32 } else { 128 };
                assert!(geo.place(address).prefix_bits <= bits && geo.asn(address).prefix_bits <= bits);
            }
        }
    }
}
