package org.turboesm.fidelity;

/**
 * How close the last hidden state is to full precision, by position. Bin b holds positions 2^b to
 * 2^(b+1) - 1; the last bin, of 2^13, all from there on.
 *
 * @param tokens [bins], how many were compared
 * @param cosineMean [bins], over the bin's tokens; NaN where it has none
 */
public record PositionFidelity(long[] tokens, double[] cosineMean) {}
