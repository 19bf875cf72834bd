package org.turboesm.engine.reference;

/** The reference's GELU in double, for tests of other packages. */
public final class ExactGelu {
  private ExactGelu() {}

  /** x Phi(x). */
  public static double of(double x) {
    return Gelu.exact(x);
  }
}
