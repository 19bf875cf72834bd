package org.turboesm.udf;

import java.util.EnumMap;
import java.util.Map;
import org.apache.spark.util.AccumulatorV2;

/** Adds up what the tasks of a job ran, by mode. */
public final class EmbedStatistics
    extends AccumulatorV2<Map<Mode, ModeStatistics>, Map<Mode, ModeStatistics>> {
  private static final long serialVersionUID = 1L;

  private final EnumMap<Mode, ModeStatistics> sums = new EnumMap<>(Mode.class);

  @Override
  public boolean isZero() {
    return sums.isEmpty();
  }

  @Override
  public EmbedStatistics copy() {
    EmbedStatistics copy = new EmbedStatistics();
    copy.add(value());
    return copy;
  }

  @Override
  public synchronized void reset() {
    sums.clear();
  }

  @Override
  public synchronized void add(Map<Mode, ModeStatistics> more) {
    more.forEach((mode, statistics) -> sums.merge(mode, statistics, ModeStatistics::plus));
  }

  @Override
  public void merge(AccumulatorV2<Map<Mode, ModeStatistics>, Map<Mode, ModeStatistics>> other) {
    add(other.value());
  }

  @Override
  public synchronized Map<Mode, ModeStatistics> value() {
    return new EnumMap<>(sums);
  }
}
