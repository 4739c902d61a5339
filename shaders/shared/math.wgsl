// Functions that drivers may approximate too coarsely, to about one rounding unit. Polynomials as in Cephes (S. Moshier).

fn infinity() -> f32 {
    var large = 3.0e38;
    large = large * 10.0;
    return large;
}

// eˣ: x = n log 2 + r, |r| ≤ log(2)/2.
fn precise_exp(x: f32) -> f32 {
    if x > 88.72 {
        return infinity();
    }
    if x < -87.3 {
        return 0.0;
    }
    let n = round(x * 1.44269504);
    let r = (x - n * 0.693359375) + n * 2.12194440e-4;
    var p = 1.9875691500e-4;
    p = p * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    p = p * r * r + r + 1.0;
    let half_n = i32(n) / 2;
    let rest = i32(n) - half_n;
    return p * bitcast<f32>(u32(half_n + 127) << 23u) * bitcast<f32>(u32(rest + 127) << 23u);
}

// eˣ - 1, which keeps its digits near 0.
fn precise_expm1(x: f32) -> f32 {
    return precise_tanh(0.5 * x) * (precise_exp(x) + 1.0);
}

// 2 atanh(s) for |s| ≤ 1/3, by its series.
fn twice_atanh(s: f32) -> f32 {
    let z = s * s;
    var p = 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    return 2.0 * (s + s * z * p);
}

// log(1 + u) for u in [0, 1].
fn precise_log1p(u: f32) -> f32 {
    return twice_atanh(u / (2.0 + u));
}

// log x for normal x > 0.
fn precise_log(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var exponent = i32(bits >> 23u) - 127;
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
    if m > 1.41421356 {
        m = 0.5 * m;
        exponent = exponent + 1;
    }
    let e = f32(exponent);
    return e * 0.693359375 + (twice_atanh((m - 1.0) / (m + 1.0)) - e * 2.12194440e-4);
}

// log x of any x: -infinity at 0, no number below.
fn any_log(x: f32) -> f32 {
    if x > 0.0 {
        return precise_log(x);
    }
    return select(infinity() - infinity(), -infinity(), x == 0.0);
}

// 1 / √x of any x: infinity at 0, no number below.
fn any_rsqrt(x: f32) -> f32 {
    if x > 0.0 {
        return 1.0 / sqrt(x);
    }
    return select(infinity() - infinity(), infinity(), x == 0.0);
}

fn precise_tanh(x: f32) -> f32 {
    let a = abs(x);
    if a < 0.625 {
        let z = x * x;
        var p = -5.70498872745e-3;
        p = p * z + 2.06390887954e-2;
        p = p * z - 5.37397155531e-2;
        p = p * z + 1.33314422036e-1;
        p = p * z - 3.33332819422e-1;
        return x + x * z * p;
    }
    if a > 9.1 {
        return sign(x);
    }
    return sign(x) * (1.0 - 2.0 / (precise_exp(2.0 * a) + 1.0));
}

fn precise_erf(x: f32) -> f32 {
    let a = abs(x);
    if a < 1.0 {
        let z = x * x;
        var p = 7.853861353153693e-5;
        p = p * z - 8.010193625184903e-4;
        p = p * z + 5.188327685732524e-3;
        p = p * z - 2.685381193529856e-2;
        p = p * z + 1.128358514861418e-1;
        p = p * z - 3.761262582423300e-1;
        p = p * z + 1.128379165726710;
        return x * p;
    }
    if a > 4.0 {
        return sign(x);
    }
    let q = 1.0 / a;
    let y = q * q;
    var p = 0.0;
    if a < 2.0 {
        p = 2.326819970068386e-2;
        p = p * y - 1.387039388740657e-1;
        p = p * y + 3.687424674597105e-1;
        p = p * y - 5.824733027278666e-1;
        p = p * y + 6.210004621745983e-1;
        p = p * y - 4.944515323274145e-1;
        p = p * y + 3.404879937665872e-1;
        p = p * y - 2.741127028184656e-1;
        p = p * y + 5.638259427386472e-1;
    } else {
        p = -1.047766399936249e+1;
        p = p * y + 1.297719955372516e+1;
        p = p * y - 7.495518717768503;
        p = p * y + 2.921019019210786;
        p = p * y - 1.015265279202700;
        p = p * y + 4.218463358204948e-1;
        p = p * y - 2.820767439740514e-1;
        p = p * y + 5.641895067754075e-1;
    }
    return sign(x) * (1.0 - precise_exp(-a * a) * q * p);
}

// sin(x + shift π/2).
fn precise_sin(x: f32, shift: i32) -> f32 {
    let n = round(x * 0.636619772);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.549789954891882e-8;
    let z = r * r;
    let quarter = (i32(n) + shift) & 3;
    var value = 0.0;
    if (quarter & 1) == 0 {
        value = r + r * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1);
    } else {
        value = 1.0 - 0.5 * z + z * z * ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2);
    }
    return select(value, -value, quarter > 1);
}

// 1 / (1 + e⁻ˣ) without overflow.
fn sigmoid(x: f32) -> f32 {
    let e = precise_exp(-abs(x));
    return select(e / (1.0 + e), 1.0 / (1.0 + e), x >= 0.0);
}

// log(1 + eˣ) without overflow.
fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + precise_log1p(precise_exp(-abs(x)));
}
