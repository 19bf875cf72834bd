package org.turboesm.job.plot;

/** One measurement. */
public record PlotPoint(double x, double y) {

  /** Whether it has a place on logarithmic axes. */
  boolean hasLogarithms() {
    return LogScale.hasLogarithm(x) && LogScale.hasLogarithm(y);
  }
}
