package org.turboesm.job.progress;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.Supplier;

/** Runs the parts of a run one after the other, and says and keeps what each took. */
public final class Phases {
  private final Console console;
  private final List<Phase> finished = new ArrayList<>();

  /** Says what happens on this console. */
  public Phases(Console console) {
    this.console = console;
  }

  public Console console() {
    return console;
  }

  /** The phases that are over, in their order. */
  public List<Phase> finished() {
    return List.copyOf(finished);
  }

  /** The seconds of a finished phase, 0 if there was none of the name. */
  public double seconds(String name) {
    return finished.stream()
        .filter(phase -> phase.name().equals(name))
        .mapToDouble(Phase::seconds)
        .sum();
  }

  /**
   * Runs a phase.
   *
   * @param result what to say of its result
   */
  public <T> T run(String name, Supplier<T> work, Function<T, String> result) {
    console.passing(name + " ...");
    long start = System.nanoTime();
    T value = work.get();
    double seconds = (System.nanoTime() - start) / 1e9;
    finished.add(new Phase(name, seconds));
    console.line(String.format(Locale.ROOT, "%s: %s (%.1f s)", name, result.apply(value), seconds));
    return value;
  }
}
