use std::time::Instant;
use burn::tensor::{Device, Int, Tensor};
use gradus_model::{PretrainedEncoder, Pooling, RewardModelConfig, SegmentInput};
use burn::optim::{AdamWConfig, GradientsParams};

fn input(device: &Device) -> SegmentInput {
    let ids: Vec<i32> = (0..16*256).map(|i| 1000 + (i * 37) % 20000).collect();
    let spans: Vec<i32> = (0..16).flat_map(|_| (0..6).flat_map(|k| [60 + k*30, 90 + k*30])).collect();
    SegmentInput {
        token_ids: Tensor::<1, Int>::from_data(ids.as_slice(), device).reshape([16, 256]),
        type_ids: Tensor::<2, Int>::zeros([16, 256], device),
        mask_pad: Tensor::<2, Int>::zeros([16, 256], device).bool(),
        segment_spans: Tensor::<1, Int>::from_data(spans.as_slice(), device).reshape([16, 6, 2]),
    }
}

#[test]
#[ignore]
fn throughput() {
    let dir = std::env::var("GRADUS_MINILM").unwrap();
    let flex = Device::flex();
    let t = Instant::now();
    let pre = PretrainedEncoder::open(dir.as_ref()).unwrap();
    let (enc, _) = pre.load(&flex).unwrap();
    println!("load {:.3}s", t.elapsed().as_secs_f64());
    let config = RewardModelConfig { encoder: pre.config().clone(), pooling: Pooling::Mean, num_aspects: 1 };
    let model = config.init_with(enc, &flex);
    let x = input(&flex);
    let mut times = vec![];
    for _ in 0..8 {
        let t = Instant::now();
        let y = model.forward(x.clone()).into_data();
        std::hint::black_box(y);
        times.push(t.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!("forward min {:.3}s med {:.3}s -> {:.0} tokens/s (min)", times[0], times[4], 4096.0 / times[0]);
    let ad = flex.clone().autodiff();
    for (h, a) in [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1)] {
        let pre = pre.clone().with_dropout(h, a);
        let (enc, _) = pre.load(&ad).unwrap();
        let mut model = config.init_with(enc, &ad);
        let mut optim = AdamWConfig::new().init();
        let x = input(&ad);
        let mut rows = vec![];
        for _ in 0..4 {
            let t0 = Instant::now();
            let y = model.forward(x.clone()).square().mean();
            let t1 = Instant::now();
            let g = y.backward();
            let t2 = Instant::now();
            let g = GradientsParams::from_grads(g, &model);
            model = optim.step(1e-5, model, g);
            let t3 = Instant::now();
            rows.push([(t3 - t0).as_secs_f64(), (t1 - t0).as_secs_f64(), (t2 - t1).as_secs_f64(), (t3 - t2).as_secs_f64()]);
        }
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        println!("train dropout {h} {a}: step {:.3} fwd {:.3} bwd {:.3} opt {:.3} -> {:.0} tokens/s", rows[0][0], rows[0][1], rows[0][2], rows[0][3], 4096.0 / rows[0][0]);
    }
}

fn cpu() -> f64 {
    let s = fs_err::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

fn time(name: &str, mut f: impl FnMut()) {
    f();
    let c = cpu();
    let mut best = f64::MAX;
    let n = 12;
    for _ in 0..n {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("{name:40} cpu {:7.1} ms  wall(min) {:7.1} ms", (cpu() - c) * 1e3 / f64::from(n), best * 1e3);
}

#[test]
#[ignore]
fn micro() {
    use burn::tensor::{activation, Distribution, module};
    let d = Device::flex();
    let (b, h, l, dh, dm) = (16, 12, 256, 32, 384);
    let r = |s: [usize; 4]| Tensor::<4>::random(s, Distribution::Normal(0.0, 1.0), &d);
    let q3 = Tensor::<3>::random([b, l, dm], Distribution::Normal(0.0, 1.0), &d);
    let split = |t: Tensor<3>| t.reshape([b, l, h, dh]).swap_dims(1, 2);
    let scores = r([b, h, l, l]);
    let bias = Tensor::<4>::zeros([b, 1, 1, l], &d);
    let mask4 = Tensor::<4, Int>::zeros([b, 1, 1, l], &d).bool();
    let mask_full = mask4.clone().expand([b, 1, l, l]);
    let mask_mat = Tensor::<4, Int>::zeros([b, 1, l, l], &d).bool();
    println!("flex");
    time("qk matmul (strided)", || { let s = split(q3.clone()).matmul(split(q3.clone()).transpose()); std::hint::black_box(s); });
    let qc = r([b, h, l, dh]);
    time("qk matmul (contiguous q,k)", || { std::hint::black_box(qc.clone().matmul(qc.clone().transpose())); });
    time("scores + bias[b,1,1,l]", || { std::hint::black_box(scores.clone() + bias.clone()); });
    time("scores.mul_scalar + bias", || { std::hint::black_box(scores.clone().mul_scalar(0.3) + bias.clone()); });
    time("scores mask_fill expand", || { std::hint::black_box(scores.clone().mask_fill(mask4.clone().expand([b, h, l, l]), f32::MIN)); });
    time("softmax", || { std::hint::black_box(activation::softmax(scores.clone(), 3)); });
    time("att v matmul (strided v)", || { std::hint::black_box(scores.clone().matmul(split(q3.clone()))); });
    time("context swap reshape", || { std::hint::black_box(qc.clone().swap_dims(1, 2).reshape([b, l, dm])); });
    time("composition additive", || {
        let s = split(q3.clone() * 0.3).matmul(split(q3.clone()).transpose()) + bias.clone();
        let c = activation::softmax(s, 3).matmul(split(q3.clone())).swap_dims(1, 2).reshape([b, l, dm]);
        std::hint::black_box(c);
    });
    time("composition mask_fill", || {
        let s = split(q3.clone() * 0.3).matmul(split(q3.clone()).transpose()).mask_fill(mask4.clone().expand([b, h, l, l]), f32::MIN);
        let c = activation::softmax(s, 3).matmul(split(q3.clone())).swap_dims(1, 2).reshape([b, l, dm]);
        std::hint::black_box(c);
    });
    for (n, m) in [("expanded", mask_full), ("materialised", mask_mat)] {
        time(&format!("module::attention mask {n}"), || {
            let c = module::attention(split(q3.clone()), split(q3.clone()), split(q3.clone()), Some(m.clone()), None, Default::default());
            std::hint::black_box(c.swap_dims(1, 2).reshape([b, l, dm]));
        });
    }
    time("module::attention no mask", || {
        let c = module::attention(split(q3.clone()), split(q3.clone()), split(q3.clone()), None, None, Default::default());
        std::hint::black_box(c.swap_dims(1, 2).reshape([b, l, dm]));
    });
    let w = Tensor::<2>::random([dm, dm], Distribution::Normal(0.0, 0.1), &d);
    let w3 = Tensor::<2>::random([dm, 3 * dm], Distribution::Normal(0.0, 0.1), &d);
    let w4 = Tensor::<2>::random([dm, 4 * dm], Distribution::Normal(0.0, 0.1), &d);
    let w5 = Tensor::<2>::random([4 * dm, dm], Distribution::Normal(0.0, 0.1), &d);
    let bi = Tensor::<1>::zeros([dm], &d);
    let bi4 = Tensor::<1>::zeros([4 * dm], &d);
    time("3 x linear 384", || { for _ in 0..3 { std::hint::black_box(module::linear(q3.clone(), w.clone(), Some(bi.clone()))); } });
    time("3 x linear 384 no bias", || { for _ in 0..3 { std::hint::black_box(module::linear(q3.clone(), w.clone(), None)); } });
    time("matmul 384x1152", || { std::hint::black_box(module::linear(q3.clone(), w3.clone(), None)); });
    time("cat 3 weights", || { std::hint::black_box(Tensor::cat(vec![w.clone(), w.clone(), w.clone()], 1)); });
    time("linear 384x1536", || { std::hint::black_box(module::linear(q3.clone(), w4.clone(), Some(bi4.clone()))); });
    let big = Tensor::<3>::random([b, l, 4 * dm], Distribution::Normal(0.0, 1.0), &d);
    time("linear 1536x384", || { std::hint::black_box(module::linear(big.clone(), w5.clone(), Some(bi.clone()))); });
    time("gelu [16,256,1536]", || { std::hint::black_box(activation::gelu(big.clone())); });
    time("gelu_approx", || { std::hint::black_box(activation::gelu_approximate(big.clone())); });
    time("layer_norm", || { std::hint::black_box(module::layer_norm(q3.clone(), bi.clone(), Some(bi.clone()), 1e-12)); });
    time("residual add", || { std::hint::black_box(q3.clone() + q3.clone()); });
    println!("autodiff forward + backward");
    let a = d.clone().autodiff();
    let lift = |t: Tensor<3>| Tensor::<3>::from_data(t.into_data(), &a).require_grad();
    let q3 = lift(q3); let big = lift(big);
    let bias = Tensor::<4>::zeros([b, 1, 1, l], &a);
    let mask4 = Tensor::<4, Int>::zeros([b, 1, 1, l], &a).bool();
    let mask_mat = Tensor::<4, Int>::zeros([b, 1, l, l], &a).bool();
    let bi = Tensor::<1>::zeros([dm], &a).require_grad();
    time("composition additive", || {
        let s = split(q3.clone() * 0.3).matmul(split(q3.clone()).transpose()) + bias.clone();
        activation::softmax(s, 3).matmul(split(q3.clone())).swap_dims(1, 2).reshape([b, l, dm]).sum().backward();
    });
    time("composition mask_fill", || {
        let s = split(q3.clone() * 0.3).matmul(split(q3.clone()).transpose()).mask_fill(mask4.clone().expand([b, h, l, l]), f32::MIN);
        activation::softmax(s, 3).matmul(split(q3.clone())).swap_dims(1, 2).reshape([b, l, dm]).sum().backward();
    });
    time("composition without mask", || {
        let s = split(q3.clone() * 0.3).matmul(split(q3.clone()).transpose());
        activation::softmax(s, 3).matmul(split(q3.clone())).swap_dims(1, 2).reshape([b, l, dm]).sum().backward();
    });
    time("module::attention", || {
        module::attention(split(q3.clone()), split(q3.clone()), split(q3.clone()), Some(mask_mat.clone()), None, Default::default()).swap_dims(1, 2).reshape([b, l, dm]).sum().backward();
    });
    time("gelu", || { activation::gelu(big.clone()).sum().backward(); });
    time("layer_norm", || { module::layer_norm(q3.clone(), bi.clone(), Some(bi.clone()), 1e-12).sum().backward(); });
    let drop = burn::nn::DropoutConfig::new(0.1).init();
    let s4 = Tensor::<4>::from_data(scores.into_data(), &a).require_grad();
    time("dropout [16,12,256,256]", || { drop.forward(s4.clone()).sum().backward(); });
    time("dropout [16,256,384]", || { drop.forward(q3.clone()).sum().backward(); });
}
