package org.turboesm.udf;

import java.io.Serializable;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.Precision;

/**
 * Which model an executor makes resident, and on what.
 *
 * @param model {@code demo}, a folder that every executor can read, or a hub id in every executor's
 *     Hugging Face cache
 * @param engine {@code auto} or an engine's name
 * @param precision {@code auto} or a precision's label
 * @param device the ordinal of the device, for tasks that Spark has given none
 * @param tasksPerGpu tasks that share a GPU, where Spark gives them out
 */
public record EngineSpec(String model, String engine, String precision, int device, int tasksPerGpu)
    implements Serializable {
  /** One task prepares and copies while the other computes. */
  private static final int TASKS_PER_GPU = 2;

  public EngineSpec {
    if (device < 0) {
      throw new TurboEsmException("device is " + device + ", expected an ordinal, 0 or more");
    }
    if (tasksPerGpu < 1) {
      throw new TurboEsmException("tasks per GPU are " + tasksPerGpu + ", expected 1 or more");
    }
  }

  /** On the first device, or on those that Spark gives out, two tasks each. */
  public EngineSpec(String model, String engine, String precision) {
    this(model, engine, precision, 0, TASKS_PER_GPU);
  }

  /** The model on the best engine that works, in that engine's own precision. */
  public static EngineSpec of(String model) {
    return new EngineSpec(model, EsmEngines.AUTO, Precision.AUTO);
  }

  /** The same on another device. */
  EngineSpec onDevice(int other) {
    return new EngineSpec(model, engine, precision, other, tasksPerGpu);
  }
}
