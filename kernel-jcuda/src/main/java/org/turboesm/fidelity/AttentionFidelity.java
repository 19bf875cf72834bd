package org.turboesm.fidelity;

/**
 * How close attention outputs are to full precision, layer by layer. Cosines are of the
 * concatenated heads before W_o, over the tokens; the error is that after W_o.
 *
 * @param cosineMean [layers]
 * @param cosineP1 [layers], the first percentile
 * @param cosineMin [layers]
 * @param nmse [layers], squared error over squared length
 */
public record AttentionFidelity(
    double[] cosineMean, double[] cosineP1, double[] cosineMin, double[] nmse) {}
