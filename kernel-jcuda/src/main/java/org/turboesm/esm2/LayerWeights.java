package org.turboesm.esm2;

/** The weights of one transformer layer, in the order the forward pass meets them. */
public record LayerWeights(
    LayerNormWeights attentionNorm,
    LinearWeights query,
    LinearWeights key,
    LinearWeights value,
    LinearWeights attentionOutput,
    LayerNormWeights feedForwardNorm,
    LinearWeights intermediate,
    LinearWeights output) {}
