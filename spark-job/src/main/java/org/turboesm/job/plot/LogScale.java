package org.turboesm.job.plot;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.DoubleStream;

/**
 * A logarithmic scale, laid out for given values. Charts get the logarithms and linear axes, so
 * that ticks, grid and legend bar all follow this one layout.
 *
 * @param base 2 or 10
 * @param lower the logarithm at the scale's low end
 * @param upper the logarithm at its high end
 * @param ticks in rising order
 */
record LogScale(int base, double lower, double upper, List<Tick> ticks) {
  private static final double OCTAVE_MARGIN = 0.15;
  private static final double DECADE_MARGIN = 0.08;

  /**
   * The least number of decades. The largest gap between two of 1, 2, ..., 9, 10 is log10(2) = 0.30
   * decades and the next log10(3/2) = 0.18, so that half a decade holds two labels wherever it is.
   */
  private static final double LEAST_DECADES = 0.5;

  /** With fewer labels than this a reader cannot tell that the scale is logarithmic. */
  private static final int FEWEST_LABELS = 3;

  private static final int MOST_LABELS = 12;

  /** Exponents of two that are written out, from 1/64 to 1,048,576. */
  private static final int SMALLEST_WRITTEN_OUT = -6;

  private static final int LARGEST_WRITTEN_OUT = 20;

  /**
   * A tick.
   *
   * @param position the logarithm
   * @param label empty for a tick between the labelled ones
   * @param exponent written raised, behind the label; empty for none
   */
  record Tick(double position, String label, String exponent) {
    boolean labelled() {
      return !label.isEmpty();
    }
  }

  LogScale {
    ticks = List.copyOf(ticks);
  }

  static boolean hasLogarithm(double value) {
    return value > 0 && Double.isFinite(value);
  }

  /** From the power of two below the least value to the one above the greatest. */
  static LogScale powersOfTwo(DoubleStream positive) {
    DoubleSummaryStatistics range = positive.summaryStatistics();
    int first = (int) Math.floor(log2(range.getMin()));
    int last = (int) Math.ceil(log2(range.getMax()));
    if (first == last) {
      first--;
      last++;
    }
    int step = stepOfLabels(last - first + 1);
    List<Tick> ticks = new ArrayList<>();
    for (int exponent = first; exponent <= last; exponent++) {
      ticks.add((exponent - first) % step == 0 ? powerOfTwo(exponent) : new Tick(exponent, "", ""));
    }
    return new LogScale(2, first - OCTAVE_MARGIN, last + OCTAVE_MARGIN, ticks);
  }

  private static Tick powerOfTwo(int exponent) {
    return exponent < SMALLEST_WRITTEN_OUT || exponent > LARGEST_WRITTEN_OUT
        ? new Tick(exponent, "2", Integer.toString(exponent))
        : new Tick(exponent, new BigDecimal(Math.scalb(1.0, exponent)).toPlainString(), "");
  }

  /** From a little below the least value to a little above the greatest. */
  static LogScale decades(DoubleStream positive) {
    return decades(positive, DECADE_MARGIN);
  }

  /** From the least value to the greatest. */
  static LogScale decadesWithoutMargin(DoubleStream positive) {
    return decades(positive, 0);
  }

  private static LogScale decades(DoubleStream positive, double margin) {
    DoubleSummaryStatistics range = positive.summaryStatistics();
    double least = Math.log10(range.getMin());
    double greatest = Math.log10(range.getMax());
    double widening =
        Math.max(margin * (greatest - least), (LEAST_DECADES - (greatest - least)) / 2);
    double lower = least - Math.max(0, widening);
    double upper = greatest + Math.max(0, widening);
    return new LogScale(10, lower, upper, decadeTicks(lower, upper));
  }

  private static List<Tick> decadeTicks(double lower, double upper) {
    for (IntPredicate labelled :
        List.<IntPredicate>of(
            digit -> digit == 1, digit -> digit == 1 || digit == 2 || digit == 5)) {
      List<Tick> ticks = decadeTicks(lower, upper, labelled);
      if (ticks.stream().filter(Tick::labelled).count() >= FEWEST_LABELS) {
        return ticks;
      }
    }
    return decadeTicks(lower, upper, digit -> true);
  }

  private static List<Tick> decadeTicks(double lower, double upper, IntPredicate labelled) {
    int first = (int) Math.floor(lower);
    int last = (int) Math.floor(upper);
    int step = stepOfLabels(last - first + 1);
    List<Tick> ticks = new ArrayList<>();
    for (int exponent = first; exponent <= last; exponent++) {
      for (int digit = 1; digit < 10; digit++) {
        double position = exponent + Math.log10(digit);
        if (position >= lower && position <= upper && (step == 1 || digit == 1)) {
          ticks.add(
              labelled.test(digit) && Math.floorMod(exponent, step) == 0
                  ? new Tick(
                      position, digit == 1 ? "10" : digit + "\u00d710", Integer.toString(exponent))
                  : new Tick(position, "", ""));
        }
      }
    }
    return ticks;
  }

  private static int stepOfLabels(int powers) {
    return (powers + MOST_LABELS - 1) / MOST_LABELS;
  }

  /** The logarithm of a value, to the scale's base. */
  double position(double value) {
    return base == 2 ? log2(value) : Math.log10(value);
  }

  /** Exact for powers of two, which a quotient of logarithms is not. */
  private static double log2(double value) {
    int exponent = Math.getExponent(value);
    return exponent + Math.log(Math.scalb(value, -exponent)) / Math.log(2);
  }
}
