package org.turboesm.job.progress;

import java.util.HashMap;
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
  private final ProgressLine line;
  private final EmbedCounters counters;
  private final long start = System.nanoTime();

  private final Map<Long, Done> running = new HashMap<>();
  private Done ended = Done.NOTHING;

  private TaskProgress(
      SparkContext spark, Console console, ProgressLine line, EmbedCounters counters) {
    this.spark = spark;
    this.console = console;
    this.line = line;
    this.counters = counters;
  }

  /**
   * Watches until it is closed.
   *
   * @param name of what is running
   * @param proteins to be run
   * @param modes how many passes each of them takes
   * @param tokens of all passes
   * @param counters that the job's tasks count with
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
        new TaskProgress(spark, console, new ProgressLine(name, proteins, modes, tokens), counters);
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
    long tokens = 0;
    for (AccumulableInfo info : CollectionConverters.asJava(accumulables)) {
      if (info.update().isDefined() && info.update().get() instanceof Long count) {
        if (info.id() == counters.passes().id()) {
          passes = count;
        } else if (info.id() == counters.tokens().id()) {
          tokens = count;
        }
      }
    }
    return new Done(passes, tokens);
  }

  private void show() {
    Done done = running.values().stream().reduce(ended, Done::plus);
    console.passing(line.of(done.passes(), done.tokens(), (System.nanoTime() - start) / 1e9));
  }

  /** Stops watching. */
  @Override
  public void close() {
    spark.removeSparkListener(this);
  }

  private record Done(long passes, long tokens) {
    private static final Done NOTHING = new Done(0, 0);

    private Done plus(Done other) {
      return new Done(passes + other.passes, tokens + other.tokens);
    }
  }
}
