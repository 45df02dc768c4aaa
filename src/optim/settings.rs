//! The builder of a rule, written once.

/// Where frameworks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Torch,
    Keras,
    Optax,
}

/// Defines a rule whose settings are numbers: the struct, `new` with the defaults, a setter and a check for each
/// setting, and `Default`. A check is the name of a function of `error::check`. After `with` come fields that are no
/// numbers, with their defaults; what sets them is written by hand.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $( $(#[$field_doc:meta])* $field:ident = $default:expr, $check:ident; )*
        }
        $( with $option:ident: $type:ty = $value:expr; )*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[must_use]
        pub struct $name {
            $($field: f64,)*
            $($option: $type,)*
        }

        impl $name {
            /// With the defaults of the table.
            pub fn new() -> Self {
                Self { $($field: $default,)* $($option: $value,)* }
            }

            $(
                $(#[$field_doc])*
                pub fn $field(mut self, $field: f64) -> Self {
                    self.$field = $field;
                    self
                }
            )*

            fn check(&self) -> Result<(), $crate::Error> {
                $($crate::error::check::$check(stringify!($field), self.$field)?;)*
                Ok(())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// What a rule is called, its learning rate where none is given, its buffers, and the check that [`settings`] made.
macro_rules! described {
    ($name:literal, $rate:expr, [$($buffer:literal = $initial:expr),*]) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn default_rate(&self) -> f64 {
            $rate
        }

        fn buffers(&self) -> Vec<$crate::optim::Buffer> {
            vec![$($crate::optim::Buffer { name: $buffer, initial: $initial }),*]
        }

        fn validate(&self) -> Result<(), $crate::Error> {
            self.check()
        }
    };
}

pub(super) use {described, settings};
