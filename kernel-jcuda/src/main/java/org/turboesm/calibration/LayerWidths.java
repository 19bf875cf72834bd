package org.turboesm.calibration;

import java.io.Serializable;

/**
 * The bits of each channel of one layer.
 *
 * @param keys [heads][headDim]
 * @param values [heads][headDim]
 */
public record LayerWidths(int[][] keys, int[][] values) implements Serializable {}
