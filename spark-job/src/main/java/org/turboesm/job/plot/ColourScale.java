package org.turboesm.job.plot;

import java.awt.Color;
import java.awt.Paint;
import java.util.List;
import org.jfree.chart.renderer.PaintScale;

/**
 * Colours of logarithms, dark for the lowest and bright for the highest: lightness rises all along,
 * so that prints in grey keep the order.
 *
 * @param lower the lowest logarithm
 * @param upper the highest
 */
record ColourScale(double lower, double upper) implements PaintScale {
  static final Color ABSENT = new Color(0xd0d0d0);

  /** Five colours of matplotlib's viridis, evenly spaced. */
  private static final List<Color> STOPS =
      List.of(
          new Color(68, 1, 84),
          new Color(59, 82, 139),
          new Color(33, 145, 140),
          new Color(94, 201, 98),
          new Color(253, 231, 37));

  @Override
  public double getLowerBound() {
    return lower;
  }

  @Override
  public double getUpperBound() {
    return upper;
  }

  @Override
  public Paint getPaint(double logarithm) {
    return colour(logarithm);
  }

  Color colour(double logarithm) {
    if (Double.isNaN(logarithm)) {
      return ABSENT;
    }
    double place = (logarithm - lower) / (upper - lower);
    double stop = Math.max(0, Math.min(1, place)) * (STOPS.size() - 1);
    int below = Math.min((int) stop, STOPS.size() - 2);
    Color from = STOPS.get(below);
    Color to = STOPS.get(below + 1);
    double part = stop - below;
    return new Color(
        between(from.getRed(), to.getRed(), part),
        between(from.getGreen(), to.getGreen(), part),
        between(from.getBlue(), to.getBlue(), part));
  }

  private static int between(int from, int to, double part) {
    return (int) Math.round(from + part * (to - from));
  }
}
