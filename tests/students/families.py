"""The families of timm that have a model of at most 30 M parameters: one small model each."""

from typing import NamedTuple


class Family(NamedTuple):
    """One model for the file of timm that defines it, and the side of the smallest images it takes.

    Some take that size only when they are made for it, with `img_size`.
    """

    name: str
    model: str
    size: int


FAMILIES = [
    Family("byoanet", "halonet_h1", 256),
    Family("byobnet", "mobileone_s1", 32),
    Family("cait", "cait_xxs24_224", 32),
    Family("coat", "coat_lite_tiny", 32),
    Family("convit", "convit_tiny", 32),
    Family("convmixer", "convmixer_768_32", 32),
    Family("convnext", "convnext_zepto_rms", 32),
    Family("cpubone", "cpubone_nano", 32),
    Family("crossvit", "crossvit_tiny_240", 32),
    Family("csatv2", "csatv2", 64),
    Family("cspnet", "cs3darknet_focus_s", 32),
    Family("cspnext", "cspnext_tiny", 32),
    Family("davit", "davit_tiny", 32),
    Family("deit", "deit_tiny_patch16_224", 32),
    Family("densenet", "densenet121", 32),
    Family("dla", "dla46x_c", 32),
    Family("dpn", "dpn48b", 32),
    Family("edgenext", "edgenext_xx_small", 32),
    Family("efficientformer", "efficientformer_l1", 224),
    Family("efficientformer_v2", "efficientformerv2_s0", 32),
    Family("efficientnet", "mobilenetv2_035", 32),
    Family("efficientvim", "efficientvim_m1", 32),
    Family("efficientvit_mit", "efficientvit_b0", 32),
    Family("efficientvit_msra", "efficientvit_m0", 32),
    Family("eva", "eva02_tiny_patch14_224", 32),
    Family("fasternet", "fasternet_t0", 32),
    Family("fastvit", "fastvit_t8", 32),
    Family("focalnet", "focalnet_tiny_srf", 32),
    Family("gcvit", "gcvit_xxtiny", 32),
    Family("ghostnet", "ghostnet_050", 32),
    Family("hardcorenas", "hardcorenas_b", 32),
    Family("hgnet", "hgnetv2_b0", 32),
    Family("hiera", "hiera_tiny_224", 32),
    Family("hieradet_sam2", "sam2_hiera_tiny", 32),
    Family("hrnet", "hrnet_w18_small", 32),
    Family("iformer", "iformer_t", 32),
    Family("inception_next", "inception_next_atto", 32),
    Family("inception_v3", "inception_v3", 96),
    Family("lcnetv2", "lcnetv2_small", 32),
    Family("levit", "levit_128s", 32),
    Family("lowformer", "lowformer_b0", 32),
    Family("mambaout", "mambaout_femto", 32),
    Family("maxxvit", "maxvit_pico_rw_256", 32),
    Family("metaformer", "poolformerv2_s12", 32),
    Family("mlp_mixer", "gmlp_ti16_224", 32),
    Family("mobilenetv3", "lcnet_035", 32),
    Family("mobilevit", "mobilevit_xxs", 32),
    Family("mvitv2", "mvitv2_tiny", 32),
    Family("nest", "nest_tiny", 32),
    Family("nfnet", "nf_regnet_b0", 32),
    Family("pit", "pit_ti_224", 32),
    Family("pvt_v2", "pvt_v2_b0", 32),
    Family("rdnet", "rdnet_tiny", 32),
    Family("regnet", "regnetx_002", 32),
    Family("repghost", "repghostnet_050", 32),
    Family("repvit", "repvit_m1", 32),
    Family("res2net", "res2next50", 32),
    Family("resnest", "resnest14d", 32),
    Family("resnet", "resnet10t", 32),
    Family("resnetv2", "resnetv2_18", 32),
    Family("rexnet", "rexnet_100", 32),
    Family("selecsls", "selecsls42", 32),
    Family("senet", "legacy_seresnet18", 32),
    Family("sequencer", "sequencer2d_s", 32),
    Family("shvit", "shvit_s1", 32),
    Family("sknet", "skresnet18", 32),
    Family("starnet", "starnet_s050", 32),
    Family("swiftformer", "swiftformer_xs", 32),
    Family("swin_transformer", "swin_tiny_patch4_window7_224", 32),
    Family("swin_transformer_v2", "swinv2_tiny_window16_256", 32),
    Family("swin_transformer_v2_cr", "swinv2_cr_tiny_224", 32),
    Family("tiny_vit", "tiny_vit_5m_224", 32),
    Family("tnt", "tnt_s_legacy_patch16_224", 32),
    Family("tresnet", "tresnet_m", 32),
    Family("twins", "twins_svt_small", 32),
    Family("visformer", "visformer_tiny", 32),
    Family("vision_transformer", "vit_tiny_patch16_224", 32),
    Family("vision_transformer_hybrid", "vit_tiny_r_s16_p8_224", 32),
    Family("vision_transformer_relpos", "vit_srelpos_small_patch16_224", 32),
    Family("vitamin", "vitamin_small_224", 32),
    Family("volo", "volo_d1_224", 32),
    Family("vovnet", "ese_vovnet19b_slim_dw", 32),
    Family("xception", "legacy_xception", 32),
    Family("xception_aligned", "xception41p", 32),
    Family("xcit", "xcit_nano_12_p16_224", 32),
]

# What `make test` runs: a plain CNN, one of depthwise convolutions, a ViT, one that is made for its
# size, and one with shared parameters.
QUICK = [
    "resnet",
    "mobilenetv3",
    "vision_transformer",
    "convit",
    "coat",
]
