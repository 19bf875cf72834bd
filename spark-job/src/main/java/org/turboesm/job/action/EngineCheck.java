package org.turboesm.job.action;

import org.apache.spark.SparkContext;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;
import org.turboesm.udf.EngineSpec;

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
   *     run
   */
  public static void check(EngineSpec spec, SparkContext spark) {
    Precision.parse(spec.precision());
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
