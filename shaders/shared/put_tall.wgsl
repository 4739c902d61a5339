// The entries of a product.
fn own_line(line: u32) -> vec4<f32> {
    switch line {
        case 0u: { return acc0; }
        case 1u: { return acc1; }
        case 2u: { return acc2; }
        case 3u: { return acc3; }
        case 4u: { return acc4; }
        case 5u: { return acc5; }
        case 6u: { return acc6; }
        default: { return acc7; }
    }
}
