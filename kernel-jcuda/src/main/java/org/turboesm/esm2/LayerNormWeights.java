package org.turboesm.esm2;

/**
 * Scale and shift of a LayerNorm.
 *
 * @param weight [hidden]
 * @param bias [hidden]
 */
public record LayerNormWeights(float[] weight, float[] bias) {}
