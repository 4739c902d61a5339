// The entries of a product.
fn own_line(line: u32) -> vec4<f32> {
    switch line {
        case 0u: { return acc0l; }
        case 1u: { return acc0r; }
        case 2u: { return acc1l; }
        case 3u: { return acc1r; }
        case 4u: { return acc2l; }
        case 5u: { return acc2r; }
        case 6u: { return acc3l; }
        case 7u: { return acc3r; }
        case 8u: { return acc4l; }
        case 9u: { return acc4r; }
        case 10u: { return acc5l; }
        case 11u: { return acc5r; }
        case 12u: { return acc6l; }
        case 13u: { return acc6r; }
        case 14u: { return acc7l; }
        default: { return acc7r; }
    }
}
