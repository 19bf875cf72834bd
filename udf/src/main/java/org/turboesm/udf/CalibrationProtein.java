package org.turboesm.udf;

import java.io.Serializable;

/**
 * A protein to calibrate on.
 *
 * @param sequence residues, cleaned
 */
public record CalibrationProtein(String id, String sequence) implements Serializable {}
