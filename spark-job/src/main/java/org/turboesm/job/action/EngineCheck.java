package org.turboesm.job.action;

import org.apache.spark.SparkContext;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.ModelStage;

/**
 * Finds on the driver what would fail on every executor. What an engine can do is known where it
 * runs: on a cluster the driver checks words only.
 */
public final class EngineCheck {
  private EngineCheck() {}

  /**
   * Checks an engine.
   *
   * @throws TurboEsmException if there is no such engine or precision, or, in local mode, it cannot
   *     run; or if Spark's configuration gives its tasks no GPU though executors have some
   */
  public static void check(EngineSpec spec, SparkContext spark) {
    Precision.parse(spec.precision());
    ModelStage.of(spark, spec);
    if (spec.engine().equals(EsmEngines.AUTO)) {
      return;
    }
    boolean known =
        EsmEngines.providers().stream()
            .map(EsmEngineProvider::name)
            .anyMatch(name -> name.equals(spec.engine()));
    if (spark.isLocal() || !known) {
      EsmEngines.select(spec.engine());
    }
  }
}
