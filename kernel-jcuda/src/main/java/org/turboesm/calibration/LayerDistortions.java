package org.turboesm.calibration;

import java.io.Serializable;

/**
 * The error of each channel of one layer at each width.
 *
 * @param keys [heads][headDim][maxBits + 1]
 * @param values [heads][headDim][maxBits + 1]
 */
public record LayerDistortions(double[][][] keys, double[][][] values) implements Serializable {}
