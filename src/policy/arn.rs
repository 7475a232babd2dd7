//! Patterns on ARNs: six parts with colons between them. Only the last part may have colons.

use super::glob::{Case, Glyph, WildcardSpan};
use super::steps::BoundedContext;
use super::template::Part;

/// The number of parts of an ARN.
pub(super) const PARTS: usize = 6;

/// Whether `arn` matches `pattern`, each of the six parts separately, as the ARN operators of conditions compare them.
pub(super) fn matches_by_part(context: &BoundedContext<'_>, pattern: &[Glyph], arn: &str) -> bool {
    context.spend(1);
    let patterns: Vec<_> = pattern
        .splitn(PARTS, |glyph| *glyph == Glyph::Char(':'))
        .collect();
    let parts: Vec<_> = arn.splitn(PARTS, ':').collect();
    let each = |(pattern, part): (&&[Glyph], &&str)| context.matches(pattern, part, Case::Kept);
    patterns.len() == PARTS && parts.len() == PARTS && patterns.iter().zip(&parts).all(each)
}

/// The parts of a pattern, six at most.
pub(super) fn split(pattern: &[Part]) -> Vec<&[Part]> {
    let colon = Part::Glyph(Glyph::Char(':'));
    pattern.splitn(PARTS, |part| *part == colon).collect()
}

/// The text of a part without wildcards and variables.
pub(super) fn plain(part: &[Part]) -> Option<String> {
    let chars = part.iter().map(|part| match part {
        Part::Glyph(Glyph::Char(char)) => Some(*char),
        _ => None,
    });
    chars.collect()
}

/// Restricts wildcards before the fifth colon to their part, except a `*` at the end of a part, which may match colons
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>). After the fifth
/// colon, where services use colons themselves, every wildcard may match colons.
pub(super) fn keep_within_parts(pattern: &mut [Part]) {
    let colon = Part::Glyph(Glyph::Char(':'));
    let mut colons = 0;
    for at in 0..pattern.len() {
        let ends_part = pattern.get(at + 1).is_none_or(|next| *next == colon);
        match &mut pattern[at] {
            Part::Glyph(Glyph::Char(':')) => colons += 1,
            Part::Glyph(Glyph::One(reach)) => *reach = WildcardSpan::Segment,
            Part::Glyph(Glyph::Many(reach)) if !ends_part => *reach = WildcardSpan::Segment,
            Part::Glyph(_) | Part::Variable { .. } => {}
        }
        if colons == PARTS - 1 {
            break;
        }
    }
}
