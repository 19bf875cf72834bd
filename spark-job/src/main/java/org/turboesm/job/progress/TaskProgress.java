package org.turboesm.job.progress;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.turboesm.udf.EmbedCounters;
import scala.Tuple4;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Shows how far a job is: what ended tasks counted, and what running tasks report with their
 * heartbeats.
 */
public final class TaskProgress extends SparkListener implements AutoCloseable {
  private final SparkContext spark;
  private final Console console;
  private final String name;
  private final long proteins;
  private final int modes;
  private final long tokens;
  private final EmbedCounters counters;
  private final long start = System.nanoTime();

  private final Map<Long, Done> running = new HashMap<>();
  private Done ended = Done.NOTHING;

  private TaskProgress(
      SparkContext spark,
      Console console,
      String name,
      long proteins,
      int modes,
      long tokens,
      EmbedCounters counters) {
    this.spark = spark;
    this.console = console;
    this.name = name;
    this.proteins = proteins;
    this.modes = modes;
    this.tokens = tokens;
    this.counters = counters;
  }

  /**
   * Watches until it is closed.
   *
   * @param name of what is running
   * @param proteins to be run
   * @param modes how many passes each of them takes
   * @param tokens of all passes
   */
  public static TaskProgress watch(
      SparkContext spark,
      Console console,
      String name,
      long proteins,
      int modes,
      long tokens,
      EmbedCounters counters) {
    TaskProgress progress =
        new TaskProgress(spark, console, name, proteins, modes, tokens, counters);
    spark.addSparkListener(progress);
    return progress;
  }

  @Override
  public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    boolean ours = false;
    for (Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task :
        CollectionConverters.asJava(update.accumUpdates())) {
      Done done = done(task._4());
      if (!done.equals(Done.NOTHING)) {
        running.put((Long) task._1(), done);
        ours = true;
      }
    }
    if (ours) {
      show();
    }
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    running.remove(end.taskInfo().taskId());
    Done done = done(end.taskInfo().accumulables());
    if (end.taskInfo().successful() && !done.equals(Done.NOTHING)) {
      ended = ended.plus(done);
      show();
    }
  }

  private Done done(scala.collection.Iterable<AccumulableInfo> accumulables) {
    long passes = 0;
    long doneTokens = 0;
    for (AccumulableInfo info : CollectionConverters.asJava(accumulables)) {
      if (info.update().isDefined() && info.update().get() instanceof Long count) {
        if (info.id() == counters.passes().id()) {
          passes = count;
        } else if (info.id() == counters.tokens().id()) {
          doneTokens = count;
        }
      }
    }
    return new Done(passes, doneTokens);
  }

  private void show() {
    Done done = running.values().stream().reduce(ended, Done::plus);
    console.passing(line(done, (System.nanoTime() - start) / 1e9));
  }

  /** Package-private for its test. */
  String line(Done done, double seconds) {
    double speed = done.tokens() / Math.max(seconds, 1e-3);
    StringBuilder line =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%s: %,d/%,d proteins, %,.0f tokens/s",
                name,
                Math.min(done.passes() / modes, proteins),
                proteins,
                speed));
    if (done.tokens() > 0 && done.tokens() < tokens) {
      line.append(", ").append(clock((tokens - done.tokens()) / speed)).append(" left");
    }
    return line.toString();
  }

  private static String clock(double seconds) {
    long rounded = Math.round(seconds);
    return rounded < 3600
        ? String.format(Locale.ROOT, "%d:%02d", rounded / 60, rounded % 60)
        : String.format(
            Locale.ROOT, "%d:%02d:%02d", rounded / 3600, rounded / 60 % 60, rounded % 60);
  }

  /** Stops watching. */
  @Override
  public void close() {
    spark.removeSparkListener(this);
  }

  /** What was counted. */
  record Done(long passes, long tokens) {
    static final Done NOTHING = new Done(0, 0);

    Done plus(Done other) {
      return new Done(passes + other.passes, tokens + other.tokens);
    }
  }
}
