package org.turboesm.job.plot;

import java.util.List;
import java.util.Objects;

/**
 * The measurements of one codec.
 *
 * @param name as the legend has it
 * @param points in any order; they are joined from left to right
 */
public record PlotSeries(String name, List<PlotPoint> points) {
  public PlotSeries {
    Objects.requireNonNull(name, "name");
    points = List.copyOf(points);
  }

  /** The points that logarithmic axes have a place for. */
  List<PlotPoint> drawable() {
    return points.stream().filter(PlotPoint::hasLogarithms).toList();
  }

  int leftOut() {
    return points.size() - drawable().size();
  }
}
