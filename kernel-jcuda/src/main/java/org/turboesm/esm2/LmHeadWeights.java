package org.turboesm.esm2;

/** The masked-language head: dense, GELU, LayerNorm, decoder. */
public record LmHeadWeights(LinearWeights dense, LayerNormWeights norm, LinearWeights decoder) {}
