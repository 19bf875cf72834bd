package org.turboesm.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The parameters of a kernel as its PTX declares them. The driver reads as many arguments as the
 * kernel has parameters and believes their sizes: what does not match is found here or nowhere.
 *
 * @param parameters PTX types, {@code u64} for pointers
 */
record KernelSignature(String name, List<String> parameters) {
  private static final Pattern ENTRY =
      Pattern.compile("\\.visible\\s+\\.entry\\s+(\\w+)\\s*\\(([^)]*)\\)");

  /** A type and a name; of a pointer also what newer compilers know about where it points. */
  private static final Pattern PARAMETER =
      Pattern.compile(
          "\\.param\\s+\\.(\\w+)(\\s+\\.ptr(\\s+\\.(const|global|local|shared))?(\\s+\\.align\\s+\\d+)?)?\\s+\\w+");

  /** All kernels of a PTX text. */
  static List<KernelSignature> parse(String ptx) {
    List<KernelSignature> signatures = new ArrayList<>();
    Matcher entry = ENTRY.matcher(ptx);
    while (entry.find()) {
      List<String> parameters = new ArrayList<>();
      for (String declaration : entry.group(2).split(",", -1)) {
        if (declaration.isBlank()) {
          continue;
        }
        Matcher parameter = PARAMETER.matcher(declaration.strip());
        if (!parameter.matches()) {
          throw new IllegalArgumentException(
              "kernel "
                  + entry.group(1)
                  + " has a parameter that is no number and no pointer: "
                  + declaration.strip());
        }
        parameters.add(parameter.group(1));
      }
      signatures.add(new KernelSignature(entry.group(1), List.copyOf(parameters)));
    }
    return List.copyOf(signatures);
  }

  /**
   * Checks the arguments of a launch.
   *
   * @throws IllegalArgumentException naming the kernel and the argument
   */
  void check(Object... arguments) {
    if (arguments.length != parameters.size()) {
      throw new IllegalArgumentException(
          "kernel "
              + name
              + " has "
              + parameters.size()
              + " parameters and is given "
              + arguments.length
              + " arguments");
    }
    for (int i = 0; i < arguments.length; i++) {
      if (!fits(parameters.get(i), arguments[i])) {
        throw new IllegalArgumentException(
            "argument "
                + i
                + " of kernel "
                + name
                + " is "
                + describe(arguments[i])
                + "; its parameter is ."
                + parameters.get(i));
      }
    }
  }

  private static boolean fits(String parameter, Object argument) {
    return switch (parameter) {
      case "u64", "b64", "s64" ->
          argument == null || argument instanceof DevicePointer || argument instanceof Long;
      case "u32", "s32", "b32" -> argument instanceof Integer;
      case "f32" -> argument instanceof Float;
      default -> false;
    };
  }

  private static String describe(Object argument) {
    return argument == null ? "a null pointer" : "a " + argument.getClass().getSimpleName();
  }
}
