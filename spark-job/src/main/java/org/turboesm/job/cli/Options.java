package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.turboesm.TurboEsmException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What options have in common. */
final class Options {
  private Options() {}

  /** The parts of comma-separated values; an option may be given more than once too. */
  static List<String> split(List<String> values) {
    List<String> parts = new ArrayList<>();
    for (String value : values) {
      for (String part : value.split(",", -1)) {
        if (!part.isBlank()) {
          parts.add(part.strip());
        }
      }
    }
    return parts;
  }

  /** The same of an option that must not be empty. */
  static List<String> given(String name, List<String> values) {
    List<String> parts = split(values);
    if (parts.isEmpty()) {
      throw new TurboEsmException(name + " is an empty list, expected at least one value");
    }
    return parts;
  }

  static int requirePositive(String name, int value) {
    if (value < 1) {
      throw new TurboEsmException(name + " is " + value + ", expected at least 1");
    }
    return value;
  }

  /** Reads options, and makes what is wrong with them an error of usage. */
  static <T> T read(CommandSpec command, Supplier<T> reading) {
    try {
      return reading.get();
    } catch (TurboEsmException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }
}
