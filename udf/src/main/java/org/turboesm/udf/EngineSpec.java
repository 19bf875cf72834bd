package org.turboesm.udf;

import java.io.Serializable;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;

/**
 * Which model an executor makes resident, and on what.
 *
 * @param model {@code demo}, a folder that every executor can read, or a hub id in every executor's
 *     Hugging Face cache
 * @param engine {@code auto} or an engine's name
 * @param precision {@code auto} or a precision's label
 */
public record EngineSpec(String model, String engine, String precision) implements Serializable {

  /** The model on the best engine that works, in that engine's own precision. */
  public static EngineSpec of(String model) {
    return new EngineSpec(model, EsmEngines.AUTO, Precision.AUTO);
  }
}
