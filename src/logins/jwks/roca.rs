//! The ROCA fingerprint (CVE-2017-15361): recognises the RSA keys of a broken generator by their modulus. Such keys can be
//! factored.
//!
//! The generator's primes, and so its moduli, are powers of 65537 modulo the product of the first primes. The chance that
//! a modulus of another generator has the fingerprint is less than one in a hundred million.

/// The odd primes that divide this product for every key length.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether `modulus`, in big-endian octets, has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let remainder = modulus
            .iter()
            .fold(0, |rest, octet| (rest << 8 | u32::from(*octet)) % prime);
        is_power_of_65537(remainder, *prime)
    })
}

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * (65537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_told_from_other_numbers() {
        // 65537 is 4 modulo 13, whose powers are 4, 3, 12, 9, 10 and 1.
        let powers: Vec<u32> = (0..13).filter(|n| is_power_of_65537(*n, 13)).collect();
        assert_eq!(powers, [1, 3, 4, 9, 10, 12]);
    }

    #[test]
    fn a_modulus_of_that_shape_shows_and_its_neighbours_do_not() {
        // 65537 to the fourth power.
        let shaped = 65537_u128.pow(4);
        assert!(has_fingerprint(&shaped.to_be_bytes()));
        for other in [shaped + 2, shaped - 2, shaped * 3] {
            assert!(!has_fingerprint(&other.to_be_bytes()));
        }
    }
}
