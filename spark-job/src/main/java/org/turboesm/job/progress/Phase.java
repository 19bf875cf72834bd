package org.turboesm.job.progress;

/**
 * How long a part of a run took.
 *
 * @param name as shown
 */
public record Phase(String name, double seconds) {}
